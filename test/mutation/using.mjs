/** What `using` and `await using` of the tests become where the language has neither (Node 20). */
// oxlint-disable-next-line import/no-default-export -- compiled code imports it so
export default function usingCtx() {
  const none = {}
  const held = []
  const hold = (isAsync) => (value) => {
    if (value === null || value === undefined) return value
    const dispose = (isAsync ? value[Symbol.asyncDispose] : undefined) ?? value[Symbol.dispose]
    held.push({ dispose: () => dispose.call(value), isAsync })
    return value
  }
  return {
    /** What the block threw. */
    e: none,
    u: hold(false),
    a: hold(true),
    d() {
      const rethrow = () => {
        if (this.e !== none) throw this.e
      }
      const results = held.reverse().map(({ dispose }) => dispose())
      return held.some(({ isAsync }) => isAsync) ? Promise.all(results).then(rethrow) : rethrow()
    },
  }
}
