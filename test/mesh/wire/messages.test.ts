import { describe, expect, it } from 'vitest'
import { isWireType, WireType, wireTypeName } from '../../../mesh/wire/messages.ts'

describe('message types', () => {
  it('have an id each', () => {
    const ids = Object.values(WireType)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it.each([
    ['connect', 0x01],
    ['pong', 0x04],
    ['accepted', 0x05],
    ['error', 0x07],
    ['publish', 0x10],
    ['suback', 0x15],
    ['call', 0x20],
    ['register', 0x26],
    ['streamOpen', 0x27],
    ['cancel', 0x2d],
    ['swimPing', 0x30],
    ['swimSync', 0x35],
    ['findNode', 0x40],
    ['findValueReply', 0x44],
    ['providersReply', 0x48],
    ['natProbe', 0x50],
    ['relayData', 0x57],
  ] as const)('%s keeps the id of the reference or of the design', (name, id) => {
    expect(WireType[name]).toBe(id)
    expect(wireTypeName(id)).toBe(name)
  })

  it('of dist follow each other from 0xa0', () => {
    const names = ['distSend', 'distLink', 'distUnlink', 'distExit', 'distMonitor', 'distDemonitor']
    names.push('distDown', 'distSpawn', 'distSpawnReply', 'distCall', 'distReply', 'distCast')
    names.push('distChunk', 'distCancel', 'distUnlinkAck', 'distLeave', 'distLeaveAck')
    names.push('distTaken')
    expect(names.map((_, index) => wireTypeName(0xa0 + index))).toEqual(names)
  })

  it('0x60 to 0x9f stay free', () => {
    for (let id = 0x60; id <= 0x9f; id++) expect(isWireType(id)).toBe(false)
  })

  it('an unknown id has a name for logs', () => {
    expect(wireTypeName(0x0f)).toBe('unknown_0x0f')
    expect(isWireType(0)).toBe(false)
    expect(isWireType(0x1ff)).toBe(false)
  })
})
