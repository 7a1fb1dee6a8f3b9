/** A program of a bench that is told what to do, one thing at a time, over the channel of its process. */
import { fork, type ChildProcess } from 'node:child_process'

/** See the head of this file. */
export class Program<Order extends object, Reply extends object> {
  readonly #child: ChildProcess

  constructor(module: string, args: readonly string[]) {
    this.#child = fork(module, args)
  }

  /** What it says next. */
  answer(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`a program ended: ${code}`))
      this.#child.once('exit', ended)
      this.#child.once('message', (message) => {
        this.#child.off('exit', ended)
        resolve(message as Reply)
      })
    })
  }

  ask(order: Order): Promise<Reply> {
    const answer = this.answer()
    this.#child.send(order)
    return answer
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}
