/** The components of the document: what is said in several places stands there once. */

type Json = Record<string, unknown>

export interface Shared {
  /** A reference to a response that these parts make; `name` is taken when it is free, else with a number. */
  response(name: string, parts: readonly object[], make: () => Json): Json
  /** The name under which the security scheme stands. */
  security(name: string, scheme: Json): string
  schema(name: string, make: (at: string) => Json): Json
  components(): Json
}

export function shared(): Shared {
  const kinds: Record<string, Map<string, Json>> = { responses: new Map(), securitySchemes: new Map(), schemas: new Map() }
  const known = new Map<string, string>()
  const counts = new Map<string, number>()

  function nameFor(kind: string, wish: string, value: Json): string {
    const id = `${kind} ${wish} ${JSON.stringify(value)}`
    const present = known.get(id)
    if (present) return present
    const all = kinds[kind] as Map<string, Json>
    const clean = wish.replace(/[^A-Za-z0-9._-]/g, '-')
    let name = clean
    for (let i = counts.get(`${kind} ${clean}`) ?? 2; all.has(name); i++) {
      name = `${clean}-${i}`
      counts.set(`${kind} ${clean}`, i)
    }
    all.set(name, value)
    known.set(id, name)
    return name
  }

  const numbers = new WeakMap<object, number>()
  const made = new Map<string, Json>()
  let last = 0
  const numberOf = (part: object) => {
    const number = numbers.get(part) ?? ++last
    numbers.set(part, number)
    return number
  }
  const refer = (kind: string, name: string, value: Json): Json => ({ $ref: `#/components/${kind}/${nameFor(kind, name, value)}` })

  return {
    response(name, parts, make) {
      const id = `${name} ${parts.map(numberOf).join()}`
      const present = made.get(id) ?? refer('responses', name, make())
      made.set(id, present)
      return present
    },
    security: (name, scheme) => nameFor('securitySchemes', name, scheme),
    schema(name, make) {
      const at = `#/components/schemas/${name}`
      ;(kinds.schemas as Map<string, Json>).set(name, make(at))
      return { $ref: at }
    },
    components: () =>
      Object.fromEntries(Object.entries(kinds).flatMap(([kind, all]) => (all.size > 0 ? [[kind, Object.fromEntries(all)]] : []))),
  }
}
