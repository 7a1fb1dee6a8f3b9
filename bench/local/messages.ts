/** Calls and casts of Fovea: deadline armed and death notice in place, as always. */
import { createSystem } from 'fovea'
import { bursts, drained, pipelined, sequential, type Measures } from './side.ts'
import { Sum } from './sum.ts'

/** Drains `queued` messages that were all there before the first was handled; figures per message. */
async function drain(queued: number): Promise<number> {
  await using system = createSystem({ mailboxMessagesMax: queued + 1 })
  const sum = await Sum.start(0, { system })
  let sent = 0
  return await drained(queued, async (n) => {
    for (let i = 0; i < n; i++) sum.cast.put(1)
    sent += n
    if ((await sum.call.total(undefined, { timeoutMs: Infinity })) !== sent) {
      throw new Error('a message was lost')
    }
  })
}

export async function messages(): Promise<Measures> {
  const sum = await Sum.start(0, { system: createSystem() })
  return {
    callSequential: sequential(() => sum.call.add(1)),
    callPipelined: pipelined(() => sum.call.add(1)),
    cast: bursts(
      () => sum.cast.put(1),
      () => sum.call.total(),
    ),
    drain,
  }
}
