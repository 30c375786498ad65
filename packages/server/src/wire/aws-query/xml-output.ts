// The XML that the AWS Query protocol answers with. What is not in the shape is not in the answer.

import type { Shape, StructureShape } from '@berth/api/shapes/shape.ts'

export interface ResultOptions {
  operation: string
  namespace: string
  shape: StructureShape
  value: object
  requestId: string
}

/** Have an output that no member was ever given (IAM UpdateRole, "Sample Response"). Clients in Go insist on its element. */
const emptyResults: ReadonlySet<string> = new Set(['UpdateRole'])

/** `<GetRoleResponse><GetRoleResult>…`. Of an operation without output there is no result, only the request's id. */
export function renderResult({ operation, namespace, shape, value, requestId }: ResultOptions): string {
  const hasResult = Object.keys(shape.members).length > 0 || emptyResults.has(operation)
  const result = hasResult ? element(`${operation}Result`, renderMembers(shape, value)) : ''
  const metadata = element('ResponseMetadata', element('RequestId', escapeText(requestId)))
  return rootElement(`${operation}Response`, namespace, `${result}${metadata}`)
}

export interface ErrorOptions {
  namespace: string
  /** Whose fault it is. */
  type: 'Sender' | 'Receiver'
  code: string
  message: string
  requestId: string
}

export function renderError({ namespace, type, code, message, requestId }: ErrorOptions): string {
  const error = [
    element('Type', type),
    element('Code', escapeText(code)),
    element('Message', escapeText(message)),
  ].join('')
  return rootElement('ErrorResponse', namespace, element('Error', error) + element('RequestId', escapeText(requestId)))
}

function render(shape: Shape, value: unknown): string {
  switch (shape.kind) {
    case 'structure':
      return renderMembers(shape, value as object)
    case 'list':
      return (value as readonly unknown[]).map((each) => element('member', render(shape.element, each))).join('')
    case 'map':
      return Object.entries(value as object)
        .map(([key, each]) => element('key', escapeText(key)) + element('value', render(shape.value, each)))
        .map((entry) => element('entry', entry))
        .join('')
    case 'timestamp':
      return renderTimestamp(value as number)
    case 'string':
    case 'blob':
    case 'integer':
    case 'long':
    case 'boolean':
      return escapeText(String(value))
  }
}

function renderMembers(shape: StructureShape, value: object): string {
  const given = value as Readonly<Record<string, unknown>>
  return Object.entries(shape.members)
    .map(([name, member]) => {
      const each = Object.hasOwn(given, name) ? given[name] : undefined
      if (each === undefined || each === null) return ''
      return element(name, render(member.kind === 'required' ? member.shape : member, each))
    })
    .join('')
}

/** ISO 8601 in whole seconds, as IAM has it. */
function renderTimestamp(seconds: number): string {
  return `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, -'.000Z'.length)}Z`
}

function rootElement(name: string, namespace: string, content: string): string {
  return `<${name} xmlns="${escapeText(namespace)}">${content}</${name}>`
}

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  // A reader takes a bare one for the end of a line (XML 1.0, section 2.11).
  '\r': '&#xD;',
}

/** Characters that no XML 1.0 document can hold, not even escaped (section 2.2), become U+FFFD. */
function escapeText(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"'\r]/g, (character) => escapes[character] ?? character)
  )
}
