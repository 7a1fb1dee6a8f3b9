/**
 * The names of this node's own processes, and what has to be done about their claims: they are made, acknowledged, taken
 * back, lost and defended. A machine: what it decides depends on the claims that are known; it acts through its parts.
 *
 * A claim is `pending` from `claim` until `acknowledged`, when all others are known to know it. A pending one that
 * loses is `refused`; a held one that loses is `lost`, exactly once, for it is taken back in the same step.
 *
 * What a claim has ended may be out of sight, behind a cut, and come back before its node has heard of it. So its end is
 * remembered as long as the claim is there, and said again then; it is not said on and on meanwhile.
 */
import {
  ENDS_MAX,
  isEnded,
  PLAIN_CLAIM,
  type Claim,
  type ClaimBody,
  type Ended,
  type Ending,
} from './claim.ts'
import { decide, endsOf, judge, type Choice, type Claims } from './claims.ts'

/** A name of a process of this node. */
export interface OwnName<Owner> {
  readonly name: string
  /** Whose it is; what it is, the user of the machine knows. */
  owner: Owner
  claim: Claim
  /** What it has ended, whether or not that is in sight. */
  ended: readonly Ended[]
}

/** A claim to be made. */
export interface NewClaim {
  readonly process: number
  readonly contract: string | undefined
  readonly fence: number
  readonly how: Ending
}

/** What the machine acts through. */
export interface RegistrarParts<Owner> {
  readonly claims: Claims
  /** Tells others; `before` is the claim that it takes the place of. Gives the claim as it counts. */
  readonly say: (name: string, body: ClaimBody, before: Claim | undefined) => Claim
  /** Tells others that it is over. */
  readonly unsay: (claim: Claim) => void
  /** Decides between a claim of this node, which has the better right, and another one. */
  readonly choose: (own: OwnName<Owner>, rival: Claim) => Choice
  /** The registration fails. */
  readonly refused: (own: OwnName<Owner>, to: Claim) => void
  /** The process had the name and has it no more. */
  readonly lost: (own: OwnName<Owner>, to: Claim, how: Ending) => void
  /**
   * A conflict that a claim of this node was in was decided for `winner`; for nobody when that is undefined. The last thing
   * that is done about it: who hears of it may claim the name anew.
   */
  readonly decided: (name: string, winner: Claim | undefined, losers: readonly Claim[]) => void
}

/** See the head of this file. */
export class Registrar<Owner> {
  readonly own: Map<string, OwnName<Owner>> = new Map()
  readonly #parts: RegistrarParts<Owner>
  #id = 0

  constructor(parts: RegistrarParts<Owner>) {
    this.#parts = parts
  }

  /** A process of this node is to have a name that nobody has. */
  claim(name: string, owner: Owner, given: NewClaim): OwnName<Owner> {
    return this.#make(name, owner, given, PLAIN_CLAIM)
  }

  /** It is to have the name whoever has it. One that is this node's passes over at once. */
  claimOver(name: string, owner: Owner, given: NewClaim): OwnName<Owner> {
    const known = this.#parts.claims.of(name)
    const before = this.own.get(name)
    const others = known.filter((claim) => claim !== before?.claim)
    const times = known.reduce((most, claim) => Math.max(most, claim.counter), 0)
    const counter = Math.min(times + 1, Number.MAX_SAFE_INTEGER)
    const ends = endsOf(others, 'replaced')
    const state = before?.claim.state === 'held' ? 'held' : 'pending'
    // Nobody who loses against what is replaced wins against what replaces it.
    const most = known.reduce((most, claim) => Math.max(most, claim.wins), 0)
    const wins = Math.max(before?.claim.wins ?? 0, Math.min(most, WINS_TAKEN_MAX))
    return this.#make(name, owner, given, { ...PLAIN_CLAIM, state, counter, wins, ends })
  }

  /** Everybody who is there knows it. */
  acknowledged(own: OwnName<Owner>): void {
    if (this.own.get(own.name) !== own || own.claim.state !== 'pending') return
    this.#say(own, { state: 'held' })
    this.look(own.name)
  }

  /** The process ended, or wants it no more. */
  release(own: OwnName<Owner>): void {
    if (this.own.get(own.name) !== own) return
    this.#drop(own)
  }

  /**
   * What others say has changed. Names of this node that are concerned are looked at. Gives claims that are not taken, for
   * their nodes have others of the same names.
   */
  changed(joins: readonly Claim[], leaves: readonly Claim[]): readonly Claim[] {
    const { claims } = this.#parts
    const surplus: Claim[] = []
    const concerned = new Set<string>()
    for (const claim of leaves) {
      claims.remove(claim)
      if (this.own.has(claim.key)) concerned.add(claim.key)
    }
    for (const claim of joins) {
      if (!claims.add(claim)) surplus.push(claim)
      else if (this.own.has(claim.key)) concerned.add(claim.key)
    }
    for (const name of concerned) this.look(name)
    return surplus
  }

  /** Does what is to be done about the claim of this node to a name. */
  look(name: string): void {
    this.#endAgain(name)
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const own = this.own.get(name)
      if (own === undefined || !this.#step(own)) return
    }
  }

  /** What it has ended and says no more, because it was out of sight. */
  #endAgain(name: string): void {
    const own = this.own.get(name)
    if (own === undefined || own.ended.length === 0) return
    const { ends } = own.claim
    const back = this.#parts.claims
      .of(name)
      .filter((claim) => !ends.some((ended) => isEnded(ended, claim)))
    const again = own.ended.filter((ended) => back.some((claim) => isEnded(ended, claim)))
    if (again.length > 0) this.#say(own, { ends: [...ends, ...again].slice(0, ENDS_MAX) })
  }

  #make(
    name: string,
    owner: Owner,
    { process, contract, fence, how }: NewClaim,
    rest: Omit<ClaimBody, 'process' | 'id' | 'how'>,
  ): OwnName<Owner> {
    const { claims, say } = this.#parts
    const known = this.own.get(name)
    const before = known?.claim
    const body = { ...rest, process, id: ++this.#id, contract, fence, how }
    const claim = say(name, body, before)
    if (before !== undefined) claims.remove(before)
    claims.add(claim)
    const ended = [...(known?.ended ?? []), ...body.ends].slice(-ENDS_MAX)
    const own: OwnName<Owner> = { name, owner, claim, ended }
    this.own.set(name, own)
    return own
  }

  /** False when nothing is left to do. */
  #step(own: OwnName<Owner>): boolean {
    const judgement = judge(own.claim, this.#parts.claims.of(own.name))
    switch (judgement.type) {
      case 'stands':
        return false
      case 'settled':
        if (own.claim.state !== 'dissolved') this.#say(own, { ends: PLAIN_CLAIM.ends })
        else this.#drop(own)
        return false
      case 'lost':
        this.#lose(own, judgement.to, judgement.how)
        return false
      case 'contested':
        this.#contest(own, judgement.rivals)
        return true
    }
  }

  #contest(own: OwnName<Owner>, rivals: readonly Claim[]): void {
    const { choose, decided, lost } = this.#parts
    const { claim } = own
    // What it has replaced is over: if it gave way, nobody might be left.
    const isTaken = claim.counter > 1
    const decision = decide(rivals, (rival) => (isTaken ? 'own' : choose(own, rival)))
    // A resolver may end a process, or take back what it is asked about: what it says then is of a claim that is over.
    if (this.own.get(own.name) !== own || own.claim !== claim) return
    switch (decision.type) {
      case 'wins':
        // Who has ended it before has ended what it was.
        this.#say(own, { id: ++this.#id, wins: claim.wins + 1 })
        decided(own.name, own.claim, rivals)
        return
      case 'gives_way':
        this.#drop(own)
        lost(own, decision.to, 'notify')
        decided(own.name, decision.to, [claim])
        return
      case 'dissolves':
        this.#say(own, { state: 'dissolved', ends: decision.ends })
        lost(own, decision.to, 'dissolve')
        decided(own.name, undefined, [claim, ...rivals])
        return
    }
  }

  #lose(own: OwnName<Owner>, to: Claim, how: Ending): void {
    const { refused, decided, lost } = this.#parts
    const { state } = own.claim
    this.#drop(own)
    if (state === 'pending') refused(own, to)
    else if (state === 'held') {
      lost(own, to, how)
      if (how !== 'replaced') decided(own.name, how === 'dissolve' ? undefined : to, [own.claim])
    }
  }

  #say(own: OwnName<Owner>, change: Partial<ClaimBody>): void {
    const { claims, say } = this.#parts
    const { process, state, id, contract, counter, wins, fence, how, ends } = own.claim
    const body = { process, state, id, contract, counter, wins, fence, how, ends, ...change }
    const before = own.claim
    own.claim = say(own.name, body, before)
    claims.remove(before)
    claims.add(own.claim)
  }

  #drop(own: OwnName<Owner>): void {
    const { claims, unsay } = this.#parts
    this.own.delete(own.name)
    claims.remove(own.claim)
    unsay(own.claim)
  }
}

/** Conflicts that a claim takes over from others; nobody wins so many, but somebody may say so. */
const WINS_TAKEN_MAX = 2 ** 32

/** A name is looked at again after each decision about it; it takes one or two. */
const STEPS_MAX = 8
