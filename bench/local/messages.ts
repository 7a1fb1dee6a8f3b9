/** Calls and casts of Fovea: deadline armed and death notice in place, as always. */
import { createSystem } from 'fovea'
import { bursts, drained, pipelined, sequential, type Measures } from './side.ts'
import { Sum } from './sum.ts'

async function drain(queued: number): Promise<number> {
  await using system = createSystem({ mailboxMessagesMax: queued + 1 })
  const sum = await Sum.start(0, { system })
  let sent = 0
  const figure = await drained(
    queued,
    (n) => {
      for (let i = 0; i < n; i++) sum.cast.put(1)
      sent += n
    },
    () => sum.call.total(undefined, { timeoutMs: Infinity }),
  )
  if ((await sum.call.total()) !== sent) throw new Error('a message was lost')
  return figure
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
