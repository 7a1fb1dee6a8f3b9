/**
 * Completes package-lock.json with the optional packages of other platforms: `node .ci/complete-lock.mjs`.
 *
 * A registry mirror that carries only the packages of one platform makes npm write a lock without the
 * others, and `npm ci` then refuses that lock everywhere. The entries added here say name, version and
 * platform, as npm would; a platform that needs one verifies it against its registry.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = 'package-lock.json'
const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
]
const PROCESSORS = [
  'arm',
  'arm64',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'wasm32',
  'x64',
]
const SPELLINGS = { armv7: 'arm', universal: undefined }

const lock = JSON.parse(readFileSync(FILE, 'utf8'))
let added = 0
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (isLocked(path, name)) continue
    const exact = /^\d+\.\d+\.\d+\S*$/.test(version)
    if (!exact) throw new Error(`${path} wants ${name} ${version}: no exact version to lock`)
    lock.packages[`node_modules/${name}`] = describe(name, version, entry)
    added++
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
lock.packages = Object.fromEntries(sorted)
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} added to ${FILE}`)

/** Whether a package at `path` finds `name`: beside itself or further up. */
function isLocked(path, name) {
  for (
    let base = path;
    ;
    base = base.slice(0, Math.max(0, base.lastIndexOf('node_modules/') - 1))
  ) {
    if (`${base === '' ? '' : `${base}/`}node_modules/${name}` in lock.packages) return true
    if (base === '') return false
  }
}

function describe(name, version, parent) {
  const words = name.slice(name.indexOf('/') + 1).split(/[-.]/)
  const os = SYSTEMS.filter((system) => words.includes(system))
  const cpu = words
    .map((word) => (word in SPELLINGS ? SPELLINGS[word] : word))
    .filter((word) => PROCESSORS.includes(word))
  const libc = words.includes('linux')
    ? [
        words.some((word) => word.startsWith('musl'))
          ? 'musl'
          : words.some((word) => word.startsWith('gnu'))
            ? 'glibc'
            : '',
      ]
    : []
  const known = name === 'fsevents' ? ['darwin'] : os
  if (known.length === 0 && cpu.length === 0) throw new Error(`${name}: for which platform?`)
  return {
    version,
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(parent.dev === true ? { dev: true } : {}),
    ...(libc.some(Boolean) ? { libc } : {}),
    ...(parent.license === undefined ? {} : { license: parent.license }),
    optional: true,
    ...(known.length > 0 ? { os: known } : {}),
  }
}
