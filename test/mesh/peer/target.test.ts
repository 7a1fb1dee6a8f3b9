import { describe, expect, it } from 'vitest'
import { PeerError } from '../../../mesh/peer/errors.ts'
import { parseTarget } from '../../../mesh/peer/target.ts'

describe('the address of a gateway', () => {
  it.each([
    ['fovea://gateway.example:4433', 'gateway.example', 4433],
    ['fovea://gateway.example:4433/', 'gateway.example', 4433],
    ['FOVEA://gateway.example', 'gateway.example', 4433],
    ['https://mesh.local:443', 'mesh.local', 443],
    ['https://[2001:db8::1]:443/', '2001:db8::1', 443],
    ['g@10.0.0.7:4433', '10.0.0.7', 4433],
    ['10.0.0.7:9', '10.0.0.7', 9],
    ['gateway', 'gateway', 4433],
    ['[::1]:1', '::1', 1],
  ])('%s is %s port %i', (text, host, port) => {
    expect(parseTarget(text)).toEqual({ host, port })
  })

  it.each([
    '',
    'fovea://',
    'http://gateway:80',
    'https://gateway:443/path',
    'gateway:0',
    'gateway:65536',
    'fovea://user:password@gateway:1',
    '::1',
  ])('%j is none', (text) => {
    expect(() => parseTarget(text)).toThrow(PeerError)
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: 'ERR_PEER_TARGET' }))
  })
})
