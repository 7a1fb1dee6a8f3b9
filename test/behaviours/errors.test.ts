import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as behaviours from '../../behaviours/index.ts'
import { createSystem, FoveaError, runtimeErrors, type Pid } from '../../runtime/index.ts'

const pid: Pid = createSystem({ node: 'test' }).spawn(() => undefined)

/** One instance of each class. */
const samples: readonly FoveaError[] = [
  new behaviours.CallUnknownError('c', 'r', false),
  new behaviours.CallInputError('c', 'r', ['i']),
  new behaviours.ContractError('c', 'm'),
  new behaviours.InitializationError('s', 'r'),
  new behaviours.InitTimeoutError('s', 1),
  new behaviours.StartIgnoredError('s'),
  new behaviours.StartAbortedError('s', 'c'),
  new behaviours.NoParentError('w'),
  new behaviours.StopTimeoutError('s', 1),
  new behaviours.StopAbortedError('s', 'c'),
  new behaviours.StopExitError('s', 'r'),
  new behaviours.BadReturnError('h', 1),
  new behaviours.HandlerMissingError('s', 'h'),
  new behaviours.ChildSpecError('c', 'f', 'm'),
  new behaviours.DuplicateChildError('s', 'c', pid),
  new behaviours.ChildNotFoundError('s', 'c'),
  new behaviours.ChildRunningError('s', 'c', false),
  new behaviours.ChildRunningError('s', 'c', true),
  new behaviours.ChildStartError('s', 'c', 'r'),
  new behaviours.ChildLimitError('s', 1),
  new behaviours.ChildStartTimeoutError('c', 1),
  new behaviours.ChildSharedError('c', pid),
  new behaviours.ChildForeignError('c', pid),
  new behaviours.ChildRequestError('s', 'm'),
  new behaviours.PartitionNameError('l'),
  new behaviours.AlreadyRegisteredKeyError('r', 'k', pid),
  new behaviours.RegistryKindError('r', 'via', 'unique'),
  new behaviours.RegistryOwnerError('r', pid),
  new behaviours.RegistryStoppedError('r'),
  new behaviours.RegistryFullError('r', 1),
  new behaviours.LockAbortedError('k', 'c'),
  new behaviours.EventHandlerNotFoundError({ handler: 'h' }),
  new behaviours.EventHandlerDuplicateError({ handler: 'h', id: 'i' }),
  new behaviours.EventHandlerInitError({ handler: 'h' }, 'r'),
  new behaviours.EventHandlerCrashedError({ handler: 'h' }, 'r'),
  new behaviours.EventHandlerLimitError(1),
  new behaviours.CallUnhandledError('c', 'r', 's'),
  new behaviours.BadActionError('w', 'a', 'y'),
  new behaviours.BadEnterError('ERR_STATEM_ENTER_RETURN', 's'),
  new behaviours.BadEnterError('ERR_STATEM_ENTER_ACTION', 's'),
  new behaviours.UnknownStateError('w', 's'),
  new behaviours.EventLimitError('w', 'postponedMax', 1),
  new behaviours.EventLimitError('w', 'eventsMax', 1),
  new behaviours.MachineInvalidError('m'),
  new behaviours.MachineEventError('ERR_MACHINE_EVENT_UNKNOWN', 'm', { type: 'e' }),
  new behaviours.MachineEventError('ERR_MACHINE_EVENT_INVALID', 'm', 1),
  new behaviours.MachineLimitError('ERR_MACHINE_WAITERS_MAX', 'waitersMax', 1),
  new behaviours.MachineLimitError('ERR_MACHINE_SUBSCRIBERS_MAX', 'subscribersMax', 1),
  new behaviours.MachineLimitError('ERR_MACHINE_ACTORS_MAX', 'actorsMax', 1),
  new behaviours.PoolFullError('p', 1),
  new behaviours.PoolTimeoutError('p', 1, 1),
  new behaviours.PoolWorkerError('p', 'r'),
  new behaviours.PoolStoppedError('p'),
  new behaviours.PoolOwnerError('p', 'r'),
  new behaviours.ApplicationStartError('a', 'r'),
  new behaviours.ApplicationAlreadyRunningError('a'),
  new behaviours.ApplicationNameTakenError('a'),
  new behaviours.ApplicationNotRunningError('a', 'b'),
  new behaviours.ApplicationUnknownError('a'),
  new behaviours.ApplicationCycleError(['a', 'b', 'a']),
  new behaviours.TaskExecutionError('t', 'r'),
  new behaviours.TaskTimeoutError('t', 1),
  new behaviours.TaskAbortedError('t', 'c'),
  new behaviours.TaskTakenError('t', 'awaited'),
  new behaviours.TaskOwnerError('t', pid, pid),
  new behaviours.TaskRemoteError(pid),
  new behaviours.AgentRemoteError(pid),
  new behaviours.ResponseAbortedError('c'),
  new behaviours.SysRemoteError('o', pid),
  new behaviours.SysUnsupportedError('o', pid, 'l'),
  new behaviours.SysCallbackError(pid, 'failed', 'c'),
  new behaviours.SysStateError(pid, 'c'),
]

const codes = Object.keys(behaviours.behavioursErrors)

describe('the error catalogue', () => {
  it('has exactly the codes that the classes carry', () => {
    expect([...new Set(samples.map(({ code }) => code))].sort()).toEqual([...codes].sort())
  })

  it('shares no code with the layer below', () => {
    expect(codes.filter((code) => code in runtimeErrors)).toEqual([])
  })

  it('is in the README, code by code', () => {
    const readme = readFileSync(new URL('../../behaviours/README.md', import.meta.url), 'utf8')
    expect(codes.filter((code) => !readme.includes(`\`${code}\``))).toEqual([])
  })

  it('names each class by its name', () => {
    const named = Object.entries(behaviours)
      .filter(([, value]) => typeof value === 'function' && value.prototype instanceof FoveaError)
      .map(([name]) => name)
    expect([...new Set(samples.map(({ name }) => name))].sort()).toEqual(named.sort())
  })
})
