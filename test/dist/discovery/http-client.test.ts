import { describe, expect, it } from 'vitest'
import { DatagramBudget } from '../../../dist/discovery/datagram-budget.ts'
import { readLines, readText, type HttpResponse } from '../../../dist/discovery/http-client.ts'
import { nodeHttpClient } from '../../../dist/discovery/node-http-client.ts'
import { fakeHttp } from './fake-http.ts'

const response = (parts: readonly string[]): HttpResponse => ({
  ...{ status: 200, headers: {}, close: () => {} },
  body: (async function* () {
    for (const part of parts) yield Buffer.from(part)
  })(),
})

async function linesOf(parts: readonly string[], bytesMax = 8): Promise<string[]> {
  const lines: string[] = []
  for await (const line of readLines(response(parts), bytesMax)) lines.push(line)
  return lines
}

const tooLong = expect.objectContaining({ code: 'ERR_DISCOVERY_ANSWER_MAX' })

describe('reading answers', () => {
  it.each<[readonly string[], readonly string[]]>([
    [[], []],
    [['a\nb\n'], ['a', 'b']],
    [
      ['a', 'b\n', '\n', 'c'],
      ['ab', 'c'],
    ],
    [
      ['one\ntw', 'o\nthr', 'ee\n'],
      ['one', 'two', 'three'],
    ],
    [['\u00e9'.slice(0, 1), '\n'], ['\u00e9']],
    [['12345678\n'], ['12345678']],
  ])('%j is the lines %j', async (parts, lines) => {
    expect(await linesOf(parts)).toEqual(lines)
  })

  it.each([[['123456789\n']], [['1234', '56789']], [['ok\n', '123456789']]])(
    'a line above the limit is refused: %j',
    async (parts) => {
      await expect(linesOf(parts)).rejects.toEqual(tooLong)
    },
  )

  it('a text has bytesMax bytes and not one more', async () => {
    expect(await readText(response(['1234', '5678']), 8)).toBe('12345678')
    await expect(readText(response(['1234', '5678', '9']), 8)).rejects.toEqual(tooLong)
  })
})

describe('nodeHttpClient', () => {
  it('gives status, headers and body, takes redirects as they are, and ends with its signal', async () => {
    const server = await fakeHttp()
    const abort = new AbortController()
    const ask = (path: string) =>
      nodeHttpClient.get({ url: `${server.url}${path}`, headers: { 'x-a': 'b' } }, abort)
    const first = ask('/x?y=1')
    const request = await server.next()
    expect([request.path, request.query.get('y'), request.headers['x-a']]).toEqual(['/x', '1', 'b'])
    request.answer(302, 'gone', { location: 'http://192.0.2.1/' })
    const answer = await first
    expect([answer.status, answer.headers['location']]).toEqual([302, 'http://192.0.2.1/'])
    expect(await readText(answer, 100)).toBe('gone')
    const second = ask('/')
    await server.next()
    abort.abort()
    await expect(second).rejects.toMatchObject({ name: 'AbortError' })
    await server.close()
    await expect(
      nodeHttpClient.get({ url: server.url, headers: {} }, new AbortController()),
    ).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('DatagramBudget', () => {
  it('takes perSecondMax datagrams in a second and says once that they are spent', () => {
    const budget = new DatagramBudget(2)
    const take = (nowMs: number) => budget.take(nowMs)
    expect([0, 1, 999, 999].map(take)).toEqual(['taken', 'taken', 'spent', 'over'])
    expect(budget.restMs(400)).toBe(600)
    expect([1_000, 1_001, 1_002].map(take)).toEqual(['taken', 'taken', 'spent'])
  })
})
