/** What the chat can do, played by three processes. What is left of `|` says on whose screen a line is. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TypedProgram } from '../typed-program.ts'

/** Plays it; gives the exit code. */
export async function showTour(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'fovea-chat-'))
  const people: TypedProgram[] = []
  const start = (nick: string, seeds: readonly string[] = []): TypedProgram => {
    const place = ['--realm', join(folder, 'realm'), '--folder', folder]
    const args = [nick, ...place, '--preset', 'local', ...seeds]
    const person = new TypedProgram(nick, args, (line) =>
      console.log(`${nick.padStart(5)} | ${line}`),
    )
    people.push(person)
    return person
  }
  try {
    await play(folder, start)
    return 0
  } finally {
    await Promise.all(people.map((person) => person.kill()))
    await rm(folder, { recursive: true })
  }
}

async function play(
  folder: string,
  start: (nick: string, seeds?: readonly string[]) => TypedProgram,
): Promise<void> {
  const ann = start('ann')
  const [, seed = ''] = /--seed (\S+);/.exec(await ann.sees('--seed')) ?? []
  await ann.sees('you are in general')
  const [bob, eve] = [start('bob', ['--seed', seed]), start('eve', ['--seed', seed])]
  for (const nick of ['bob', 'eve']) await ann.sees(`${nick} is in general`)

  ann.type('hello, all')
  await Promise.all([bob.sees('<ann> hello'), eve.sees('<ann> hello')])
  bob.type('/who')
  bob.type('/msg ann shall we surprise eve?')
  await ann.sees('[private] <bob>')

  await writeFile(join(folder, 'cake.txt'), 'flour, butter, sugar, eggs\n')
  ann.type(`/send ${join(folder, 'cake.txt')}`)
  await bob.sees('/get 1')
  bob.type('/get 1')
  await bob.sees('* got')

  // Both came at once: bob may hear of her later than ann does, and whom he never saw he does not see leave.
  await bob.sees('with ann, eve', 'with eve', '* eve is in general')
  eve.type('/join garden')
  await eve.sees('you are in garden')
  await bob.sees('eve has left general')
  bob.type('/people')
  await bob.sees('* online')

  await bob.kill()
  await ann.sees('bob has left general')
  const joe = start('joe', ['--seed', seed])
  await joe.sees('I share cake.txt')
  await Promise.all([ann, eve, joe].map((person) => person.quit()))
}
