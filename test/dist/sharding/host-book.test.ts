import { expect, it } from 'vitest'
import type { DistParts } from '../../../dist/parts.ts'
import { HostBook } from '../../../dist/sharding/host-book.ts'
import type { Hello } from '../../../dist/sharding/messages.ts'

const hello = (isHost: boolean): Hello => ({ entity: 'cart/1', shards: 8, isHost })

/** A book that asks the node `peer` when it comes; `answer` is what that node answers. */
function bookOf(): { book: HostBook; come: () => void; answer: (hello: Hello) => void } {
  let come = (): void => {}
  let answer: (hello: Hello) => void = () => {}
  const key = { hex: 'peer' }
  const parts = {
    directory: { ownKeyHex: 'own' },
    cluster: {
      onNodeUp: (up: (id: string, node: { readonly key: typeof key }) => void) => {
        come = () => up('peer@host:1', { key })
        return () => {}
      },
      onNodeDown: () => () => {},
      isNodeConnected: () => true,
      getConnectedNodes: () => [],
    },
    peers: {
      call: () => new Promise<Hello>((resolve) => (answer = resolve)),
      cast: () => true,
    },
  } as unknown as DistParts
  const book = new HostBook(parts, hello(true), () => {})
  return { book, come: () => come(), answer: (said) => answer(said) }
}

it.each([true, false])(
  'what a node says by itself (%s) is newer than its answer, which comes through later',
  async (isHost) => {
    const { book, come, answer } = bookOf()
    come()
    // Both in one packet: the answer goes on in a turn of its own, the word is heard at once.
    answer(hello(!isHost))
    book.heard('peer', hello(isHost))
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(book.hosts.has('peer')).toBe(isHost)
    book.close()
  },
)

it('an answer counts when the node said nothing by itself meanwhile', async () => {
  const { book, come, answer } = bookOf()
  come()
  answer(hello(true))
  await new Promise<void>((resolve) => setImmediate(resolve))
  expect([...book.hosts]).toEqual(['own', 'peer'])
  book.close()
})
