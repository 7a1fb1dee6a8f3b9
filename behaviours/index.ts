/**
 * The behaviours layer: servers, supervisors and registries on top of runtime processes.
 */
export type {
  Api,
  CallArgs,
  CallsOf,
  CastsOf,
  Contract,
  InputOf,
  InputsOf,
  Names,
  OutputOf,
  Ref,
  RefOf,
  Slot,
} from './contract.ts'
export { bareRef, contract, isRef, refContract } from './contract.ts'
export type { SchemaIssue, SchemaResult, StandardSchema } from './schema.ts'
export type { After } from './results.ts'
export {
  IGNORE,
  ignore,
  Ignore,
  noreply,
  NoReply,
  ok,
  Ok,
  reply,
  Reply,
  stop,
  Stop,
} from './results.ts'
export type { Peer, ProcessOperations } from './process-operations.ts'
export type { Ctx, From, Info } from './server-context.ts'
export { processOf } from './server-context.ts'
export type { ProcessTarget, ServerOptions, StopOptions } from './gen.ts'
export { resolveTarget, stopProcess } from './gen.ts'
export type { ChildOptions, Common, Impl, InitResult, Maybe, Server } from './gen-server.ts'
export { implement } from './gen-server.ts'
export type { DefinedCall, DefinedCast, Inferred } from './define-server.ts'
export { defineServer } from './define-server.ts'
export type {
  Asks,
  Behaviour,
  CallResult,
  GenServerFunctions,
  GenServerRef,
  NamedCallOptions,
  NamedServer,
  ReplyOf,
  StateResult,
} from './message-server.ts'
export { GenServer } from './message-server.ts'
export { serverState } from './server-cell.ts'
export type {
  CheckedChildSpec,
  ChildContext,
  ChildSpec,
  ChildStarted,
  Shutdown,
} from './child-spec.ts'
export { checkChildSpec, checkChildSpecs, isIgnored } from './child-spec.ts'
export type {
  AutoShutdown,
  ChildView,
  ExitDecision,
  RestartPlan,
  RestartType,
  Strategy,
} from './restart-strategy.ts'
export { decideExit, planRestart, shouldShutDown } from './restart-strategy.ts'
export type { RestartIntensityOptions } from './restart-intensity.ts'
export { RestartIntensity } from './restart-intensity.ts'
export type {
  ChildCounts,
  ChildInfo,
  SupervisorApi,
  SupervisorChildOptions,
  SupervisorFunctions,
  SupervisorOptions,
  SupervisorRef,
  SupervisorRequestOptions,
  SupervisorTarget,
} from './supervisor.ts'
export { Supervisor, SupervisorContract } from './supervisor.ts'
export type {
  RegistryApi,
  RegistryEvent,
  RegistryFunctions,
  RegistryHandle,
  RegistryOptions,
} from './registry.ts'
export { Registry } from './registry.ts'
export type { KeyedEntry, RegistryEntry } from './registry-table.ts'
export {
  AlreadyRegisteredKeyError,
  BadReturnError,
  behavioursErrors,
  CallInputError,
  CallUnknownError,
  ChildLimitError,
  ChildNotFoundError,
  ChildRunningError,
  ChildSpecError,
  ChildStartError,
  ContractError,
  DuplicateChildError,
  HandlerMissingError,
  InitializationError,
  InitTimeoutError,
  LockAbortedError,
  NoParentError,
  RegistryFullError,
  RegistryKindError,
  RegistryOwnerError,
  RegistryStoppedError,
  StartAbortedError,
  StartIgnoredError,
  StopAbortedError,
  StopExitError,
  StopTimeoutError,
} from './errors.ts'
