// The XML that the server answers with: elements and text, no more.

export interface XmlElement {
  name: string
  text: string
  elements: XmlElement[]
}

const entities: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }
const maxDepth = 32

/** The root element, or undefined for what is no such XML. */
export function parseXml(xml: string): XmlElement | undefined {
  const root: XmlElement = { name: '', text: '', elements: [] }
  const open = [root]
  for (const [, declaration, closing, name = '', empty, text] of xml.matchAll(
    /(<\?[^>]*\?>)|<(\/?)([\w.-]+)(?:\s[^<>]*?)?(\/?)>|([^<]+)|</g,
  )) {
    const top = open.at(-1)
    if (!top) return undefined
    if (declaration !== undefined) continue
    if (text !== undefined) top.text += decode(text)
    else if (name === '') return undefined
    else if (closing) {
      if (top.name !== name || open.length === 1) return undefined
      open.pop()
    } else {
      const element = { name, text: '', elements: [] }
      top.elements.push(element)
      if (!empty) open.push(element)
      if (open.length > maxDepth) return undefined
    }
  }
  return open.length === 1 && root.elements.length === 1 ? root.elements[0] : undefined
}

function decode(text: string): string {
  return text.replace(
    /&(?:#x([\da-f]{1,6})|(\w{2,4}));/gi,
    (whole, code: string | undefined, name: string | undefined) =>
      code === undefined ? (entities[name ?? ''] ?? whole) : String.fromCodePoint(Number.parseInt(code, 16)),
  )
}

export function children(element: XmlElement | undefined, name: string): XmlElement[] {
  return (element?.elements ?? []).filter((each) => each.name === name)
}

export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return children(element, name)[0]
}

/** Of a child, if it is there. */
export function textOf(element: XmlElement | undefined, name: string): string | undefined {
  return child(element, name)?.text
}
