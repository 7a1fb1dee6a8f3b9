/**
 * The runtime layer: processes, signals, time. This is the service interface the layers above are written
 * against; the package's own index.ts picks what users see of it.
 */
export type { Clock, ClockTimer } from './clock.ts'
export { createRealClock } from './clock.ts'
export type { Entropy } from './entropy.ts'
export { createSeededEntropy, createSystemEntropy } from './entropy.ts'
export type { LogMethod, Logger } from './log.ts'
export { isSilent, silentLogger, withFields } from './log.ts'
export type { OptionCheck } from './options.ts'
export {
  booleanOption,
  checkOptionNames,
  functionOption,
  loggerOption,
  numberOption,
  objectOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
  signalOption,
  stringOption,
} from './options.ts'
export { invariant, InvariantError } from './invariant.ts'
export type { ErrorCatalogue, ErrorEntry, FailedCall, FoveaErrorOptions } from './errors.ts'
export {
  AlreadyStartedError,
  ArgumentError,
  CallAbortedError,
  CallCycleError,
  CallError,
  CallExitError,
  CallTimeoutError,
  FoveaError,
  LimitError,
  MailboxFullError,
  NameError,
  NoProcessError,
  ReceiveTimeoutError,
  runtimeErrors,
  SystemStoppedError,
  TableError,
} from './errors.ts'
export type { ExitReason, NoCatch } from './exit-reason.ts'
export {
  exit,
  ExitThrow,
  formatReason,
  isCleanExit,
  isShutdown,
  reasonOfThrown,
} from './exit-reason.ts'

export type { Pid } from './pid.ts'
export { formatPid, homeOf, isPid, pidEquals, pidKey, ProcessPid } from './pid.ts'
export type { ItemKindName, MessageKind, StopRequest } from './item.ts'
export { ItemKind, itemKindName, Message } from './item.ts'
export type { MailboxPolicy } from './mailbox.ts'
export type { CallOptions } from './call.ts'
export type { ArgumentsOf, Callable, Caller, Castable, ReturnOf } from './addressee.ts'
export { callAs, castAs } from './addressee.ts'
export { Call, requestTag } from './call.ts'
export type { DebugChild, Process, Program, ProgramDebug, StartOptions } from './program.ts'
export type { Monitored, ProcessBody, ProcessContext } from './spawn.ts'
export { contextEnded, isThenable, plainProgram } from './spawn.ts'
export type { Match, Received, ReceiveOptions } from './receive.ts'
export type { MonitorOptions, MonitorRef, RemoteName } from './monitors.ts'
export { MonitorRefValue, tagOf } from './monitors.ts'
export type { TimerRef } from './timer.ts'
export { TIMER_DELAY_MS_MAX } from './timer-wheel.ts'
export type {
  AnyTable,
  OrderedTable,
  SelectOptions,
  SetTable,
  Table,
  TableAccess,
  TableCursor,
  TableHeir,
  TableInfo,
  TableOptions,
  Tables,
  TableTransfer,
  TableType,
} from './table/table.ts'
export type { CounterStep } from './table/table-counter.ts'
export type { TableKey } from './table/table-key.ts'
export type {
  KeyPattern,
  TableMatch,
  TablePattern,
  ValuePattern,
  Where,
} from './table/table-match.ts'
export type { TableRange } from './table/table-store.ts'
export type { Via } from './names.ts'
export { isVia } from './names.ts'
export type { ExitFate, ExitSignalFacts } from './signal.ts'
export { exitFate } from './signal.ts'
export { asCaller, asNobody, currentProcess, runAs, self } from './context.ts'
export type { Inbound, InboundCallOptions, RemoteGate } from './remote.ts'
export type {
  DropReason,
  LongHandlerEvent,
  MessageDroppedEvent,
  ProcessEvent,
  ProcessExitEvent,
} from './inspect.ts'
export { inspectChannels } from './inspect.ts'
export type { SystemStats } from './metrics.ts'
export type { ItemOutcome, OwnStep, ProcessTap } from './observe.ts'
export { observeProcess, tapsOf, tellOwnStep } from './observe.ts'
export type { ProcessActivity, ProcessFacts } from './process-facts.ts'
export { debugOf, factsOf } from './process-facts.ts'
export type { SystemRequestOptions } from './system-request.ts'
export { requestOf, resumeProcess, suspendProcess } from './system-request.ts'
export type {
  DemonitorOptions,
  MonitorTarget,
  StopOptions,
  System,
  SystemOptions,
  Target,
  TimerOptions,
} from './system.ts'
export { createSystem, SYSTEM_DEFAULTS } from './system.ts'
export type { DefaultSystemOptions } from './default-system.ts'
export { defaultSystem } from './default-system.ts'
export type { SystemWatch } from './watch.ts'
export { isBusy, ownPromise, ownWait, waitsInVain } from './watch.ts'
export { vanish } from './vanish.ts'
export type { SimClockOptions } from './simulation/sim-clock.ts'
export { createSimClock, SimClock } from './simulation/sim-clock.ts'
