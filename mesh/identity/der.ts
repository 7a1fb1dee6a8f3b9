/**
 * The few lines of DER (X.690) that a certificate check needs and `node:crypto` does not give: which
 * extensions there are and which of them are critical. The bytes come from a peer; OpenSSL has
 * accepted them before this runs, and everything unexpected here is an error, never a guess.
 */
import { CertificateError } from './errors.ts'

/** One extension of a certificate. */
export interface CertificateExtension {
  /** Object identifier as hex of its DER content, e.g. `551d11` for subjectAltName. */
  readonly oidHex: string
  readonly critical: boolean
}

const SEQUENCE = 0x30
const OBJECT_ID = 0x06
const BOOLEAN = 0x01
const OCTET_STRING = 0x04
/** `[3] EXPLICIT Extensions` of TBSCertificate (RFC 5280, 4.1). */
const EXTENSIONS_TAG = 0xa3

interface Element {
  readonly tag: number
  readonly content: Uint8Array
  /** Offset of the first byte after the element. */
  readonly end: number
}

/** Every extension of a certificate in DER. */
export function certificateExtensions(der: Uint8Array): readonly CertificateExtension[] {
  const certificate = readElement(der, 0, SEQUENCE)
  const tbs = readElement(certificate.content, 0, SEQUENCE).content
  const wrapped = elementsOf(tbs).find((element) => element.tag === EXTENSIONS_TAG)
  if (wrapped === undefined) return []
  const list = readElement(wrapped.content, 0, SEQUENCE)
  return elementsOf(list.content).map(readExtension)
}

function readExtension(element: Element): CertificateExtension {
  if (element.tag !== SEQUENCE) throw malformed('an extension is not a sequence')
  const [oid, second, third] = elementsOf(element.content)
  if (oid?.tag !== OBJECT_ID) throw malformed('an extension has no identifier')
  const hasFlag = second?.tag === BOOLEAN
  const value = hasFlag ? third : second
  if (value?.tag !== OCTET_STRING) throw malformed('an extension has no value')
  return {
    oidHex: Buffer.from(oid.content).toString('hex'),
    critical: hasFlag && second.content[0] !== 0,
  }
}

function elementsOf(bytes: Uint8Array): Element[] {
  const elements: Element[] = []
  let offset = 0
  while (offset < bytes.length) {
    const element = readElement(bytes, offset)
    elements.push(element)
    offset = element.end
  }
  return elements
}

function readElement(bytes: Uint8Array, offset: number, expected?: number): Element {
  const tag = bytes[offset]
  const first = bytes[offset + 1]
  if (tag === undefined || first === undefined) throw malformed('it ends inside a header')
  if (expected !== undefined && tag !== expected) throw malformed(`tag ${tag} at ${offset}`)
  let start = offset + 2
  let length = first
  if (first >= 0x80) {
    const count = first & 0x7f
    // Two length bytes hold 65,535, and a certificate is at most 4,096 bytes long.
    if (count < 1 || count > 2) throw malformed('a length does not fit')
    length = 0
    for (let i = 0; i < count; i++) length = (length << 8) | (bytes[start + i] ?? 0)
    start += count
  }
  const end = start + length
  if (end > bytes.length) throw malformed('an element is longer than its parent')
  return { tag, content: bytes.subarray(start, end), end }
}

function malformed(detail: string): CertificateError {
  return new CertificateError(
    'ERR_CERTIFICATE_MALFORMED',
    `the certificate is malformed: ${detail}`,
  )
}
