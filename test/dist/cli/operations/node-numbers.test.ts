import { expect, test } from 'vitest'
import { formatNumbers, type NodeNumbers } from '../../../../dist/cli/operations/node-numbers.ts'

const plain = { tone: (_tone: unknown, text: string): string => text }

const numbers: NodeNumbers = {
  node: 'a@127.0.0.1:4433',
  uptimeMs: 3_725_000,
  members: { up: 1234, suspect: 1, down: 2 },
  detector: {
    ...{ localHealth: 0, probes: 3600, probesFailed: 3, indirectProbes: 9, streamProbes: 1 },
    ...{ suspicions: 2, refutations: 1, deaths: 1, syncs: 12, healings: 0, updatesQueued: 4 },
    ...{ datagramsSent: 7200, datagramsReceived: 7198, requestsSent: 13, requestsFailed: 1 },
    ...{ dials: 5, dialsFailed: 2, unsent: 3 },
  },
  links: { open: 9, held: 8, idle: 1, handshakes: 0, dials: 2 },
  refused: { ERR_SWIM_SEQUENCE: 3, ERR_LINK_IDLE: 1000 },
}

test('every number has its line, refusals one each by code', () => {
  expect(formatNumbers(numbers, plain)).toBe(
    [
      'a@127.0.0.1:4433, up 1 h 2 min',
      'members   1,234 up, 1 suspect, 2 down',
      'health    0, healthy',
      'probes    3,600 sent, 3 failed, 9 indirect, 1 by stream',
      'verdicts  2 suspicions, 1 refutations, 1 deaths',
      'repair    12 syncs, 0 healings; 13 requests, 1 failed',
      'datagrams 7,200 sent, 7,198 received, 4 updates wait',
      'on demand 5 links made, 2 failed, 3 unsent',
      'links     9 open: 8 held, 1 idle; 0 handshakes, 2 dials',
      'refused   1,000 ERR_LINK_IDLE',
      '          3 ERR_SWIM_SEQUENCE',
    ].join('\n'),
  )
})

test.each([
  [6_999, '6 s'],
  [65_000, '1 min 5 s'],
  [90_000_000, '1 d 1 h'],
])('%i ms of life are %s', (uptimeMs, text) => {
  const said = formatNumbers({ ...numbers, uptimeMs, members: {}, refused: {} }, plain)
  expect(said.split('\n')[0]).toBe(`a@127.0.0.1:4433, up ${text}`)
  expect(said).toContain('members   none')
  expect(said).toContain('refused   nothing')
})
