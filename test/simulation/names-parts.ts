/**
 * What a node does about one name, seen by itself: it must depend on nothing but what it knows of that name, and be the same
 * for every name. So nodes with several names are nodes with one name each that share nothing but links, and what holds
 * in every order of events for one name holds for any number of them.
 *
 * Numbers of claims, which a node counts over all of its names, only tell claims apart: they are written in the order in
 * which they appear.
 */
import { digestOfMessage, type NameMessage } from './names-node.ts'
import type { StepListener } from './names-steps.ts'

/** See the head of this file. */
export class NameParts {
  readonly faults: string[] = []
  readonly #steps = new Map<string, string>()

  /** Steps of nodes, as one name sees them, that have been compared. */
  get size(): number {
    return this.#steps.size
  }

  /** Hears of the steps of nodes with these names. */
  listener(names: readonly string[]): StepListener {
    return (step) => {
      for (const [i, name] of names.entries()) this.#compare(step, i, name)
    }
  }

  #compare(
    { index, peers, before, input, after, sent }: Parameters<StepListener>[0],
    i: number,
    name: string,
  ): void {
    const said = sent.map(({ to, message }) => [to, partOf(message, name)] as const)
    const sends = said.filter(([, text]) => text !== '').map(([to, text]) => `${to}: ${text}`)
    const result = `${after[i]} sends ${sends.join(' ')}`
    const what = inputOf(input, name)
    if (what === undefined) {
      const isSame = after[i] === before[i] && sends.length === 0
      if (!isSame) this.faults.push(`${index} ${name}: ${before[i]} became ${result} by itself`)
      return
    }
    const both = renumbered(`${index} ${peers} ${before[i]} <- ${what} =>${result}`, name)
    const [given = '', follows = ''] = both.split('=>')
    const known = this.#steps.get(given)
    if (known === undefined) this.#steps.set(given, follows)
    else if (known !== follows) this.faults.push(`${given} => ${follows}, and => ${known}`)
  }
}

/** What of an input is about a name; undefined if nothing is. */
function inputOf(input: Parameters<StepListener>[0]['input'], name: string): string | undefined {
  switch (input.type) {
    case 'register':
      return input.name === name ? `register ${String(input.over)}` : undefined
    case 'exit':
      return input.name === name ? 'exit' : undefined
    case 'message': {
      const part = partOf(input.message, name)
      return part === '' ? undefined : `${input.from}: ${part}`
    }
    case 'gone':
    case 'come':
      return `${input.type} ${input.peer}`
  }
}

/** What of a message is about a name; nothing if nothing is. */
function partOf(message: NameMessage, name: string): string {
  if (message.type === 'ack') {
    const of = message.of.filter(({ key }) => key === name)
    return of.length === 0 ? '' : digestOfMessage({ type: 'ack', of })
  }
  const joins = message.joins.filter(({ key }) => key === name)
  const leaves = message.leaves.filter(({ key }) => key === name)
  if (joins.length + leaves.length === 0) return ''
  return digestOfMessage({ type: 'diff', joins, leaves })
}

/** Claims are written `name#node.number;`, and ended ones `#node.number;`. */
function renumbered(text: string, name: string): string {
  const numbers = new Map<string, number>()
  return text
    .replaceAll(`${name}#`, '*#')
    .replaceAll(/#(\d)\.(\d+);/g, (_all, node: string, id: string) => {
      const claim = `${node}.${id}`
      if (!numbers.has(claim)) numbers.set(claim, numbers.size)
      return `#${node}.${numbers.get(claim)};`
    })
}
