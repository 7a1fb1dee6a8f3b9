/**
 * Calls whose responses are taken later, and collections of them: `erpc:send_request`, `wait_response`,
 * `receive_response`, `check_response`, `reqids_add`. They are those of `GenServer.sendRequest` (RP-12), under names of
 * their own: what differs is only who is asked. The error of a response is an `ErpcError`, unless the arguments could not
 * travel.
 */
export { RequestId as ErpcRequest, RequestIds as ErpcRequests } from '../../behaviours/index.ts'
export type {
  CallResponse as ErpcResponse,
  LabelledResponse as ErpcLabelledResponse,
  NoRequest as ErpcNoRequest,
  ResponseOptions as ErpcResponseOptions,
  ResponseTimeout as ErpcResponseTimeout,
} from '../../behaviours/index.ts'
