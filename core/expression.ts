/** A CEL expression, checked and bounded, that says true or false about a request or an event. */
import { Environment, type ParseResult } from '@marcbachmann/cel-js'

/** What an expression may name. */
export interface Vocabulary {
  /** Names that stand for objects. */
  objects: readonly string[]
  /** Names that stand for texts. */
  texts: readonly string[]
}

export interface Expression {
  /** Takes a value for every name of the vocabulary. Throws an error with a `code` when it meets a value that it cannot work with. */
  holds(names: Record<string, unknown>): boolean
  /** Each chain of fields that it reads, such as `['data', 'address', 'city']`, as far as it is written out. */
  readonly paths: readonly (readonly string[])[]
  /** Each such chain that is compared with a number, a text, or true or false that is written out. */
  readonly comparisons: readonly { path: readonly string[]; type: 'number' | 'string' | 'boolean' }[]
  /** Each such chain that has to be true or false by itself. */
  readonly conditions: readonly (readonly string[])[]
}

/** Parts of an expression that one run may evaluate, each turn of a macro counting anew. */
const STEPS = 20_000
const COMPARING = new Set(['==', '!=', '<', '<=', '>', '>='])
const LOGICAL = new Set(['&&', '||', '!_'])
/** A calculation with a field, whose type is not known before there is one. */
const ARITHMETIC: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%'])
const MACROS = new Set(['all', 'exists', 'exists_one', 'filter', 'map', 'bind'])

/** What the library does not declare of its evaluator. */
interface Evaluator {
  run(node: { evaluate(evaluator: Evaluator, node: unknown, context: unknown): unknown }, context: unknown): unknown
  debugType(value: unknown): unknown
  debugTypeDeep(value: unknown): unknown
}

type Node = ParseResult['ast']

let stepsLeft = 0
const spent = Object.assign(new Error(`the expression takes more than ${STEPS} steps`), { code: 'too_many_steps' })
/** One for each vocabulary; there are as many as there are callers in the code. */
const environments = new Map<string, Environment>()

/** What is wrong with the text of an expression, in a sentence that ends in the place. */
class ExpressionFault extends Error {
  /** Index of the character. */
  readonly at: number
  constructor(message: string, at: number) {
    super(`${message}, at character ${at + 1}`)
    this.at = at
  }
}

/** Compiles an expression; throws a sentence that says what is wrong with the text, with the index of the character as `at` where there is one. */
export function compileExpression(text: string, vocabulary: Vocabulary): Expression {
  const key = JSON.stringify(vocabulary)
  const environment = environments.get(key) ?? bounded(language(vocabulary))
  environments.set(key, environment)
  const run = parse(environment, text)
  const known = [...vocabulary.objects, ...vocabulary.texts]
  const fault = faultOf(run.ast, known)
  if (fault) throw fault
  const { valid, type, error } = run.check()
  if (!valid) throw sentence(error)
  if (type !== 'bool' && type !== 'dyn') throw new Error(`must say true or false; this gives a value of type ${type}`)
  if (ARITHMETIC.has(run.ast.op)) throw new Error(`must say true or false; this calculates with '${run.ast.op}': compare it with something`)
  const all = nodes(run.ast).map(({ node }) => node)
  const named = (node: Node): string[][] | undefined => {
    const path = pathOf(node)
    return path && known.includes(path[0] as string) ? [path] : undefined
  }
  return {
    holds(names) {
      stepsLeft = STEPS
      const result: unknown = run(names)
      if (typeof result !== 'boolean') throw Object.assign(new Error('the expression gave no bool'), { code: 'not_a_bool' })
      return result
    },
    paths: all.flatMap(node => named(node) ?? []),
    comparisons: all.flatMap(node => {
      if (!COMPARING.has(node.op)) return []
      const [left, right] = node.args as [Node, Node]
      const [path, type] = [named(left)?.[0] ?? named(right)?.[0], literalType(left) ?? literalType(right)]
      return path && type ? [{ path, type }] : []
    }),
    conditions: [run.ast, ...all.flatMap(({ op, args }) => (LOGICAL.has(op) ? [args].flat() : []))].flatMap(node =>
      isNode(node) ? (named(node) ?? []) : [],
    ),
  }
}

function language({ objects, texts }: Vocabulary): Environment {
  const limits = { maxAstNodes: 500, maxDepth: 32, maxListElements: 100, maxMapEntries: 100, maxCallArguments: 8 }
  const environment = new Environment({ limits })
  for (const name of objects) environment.registerVariable(name, 'map')
  for (const name of texts) environment.registerVariable(name, 'string')
  // JSON has one kind of number, which arrives as a double, and a literal `2` is an int: CEL would refuse `data.price * 2`.
  const operators: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
    '%': (a, b) => a % b,
  }
  for (const [operator, apply] of Object.entries(operators)) {
    environment.registerOperator(`double ${operator} int: double`, (a, b) => apply(a, Number(b)))
    environment.registerOperator(`int ${operator} double: double`, (a, b) => apply(Number(a), b))
  }
  environment.registerOperator('double % double: double', (a, b) => a % b)
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a number of one value are only loosely equal
  environment.registerOperator('double == int: bool', (a, b) => a == b)
  return environment
}

/**
 * Puts bounds on an environment that the library has no options for, through the evaluator that it hands to functions.
 *
 * Steps: `exists` over a list of the sender's takes as long as the sender likes.
 * Types: the library makes a type of the whole nesting of each value that it compares, and keeps it for the life of the
 * process: `data.status == "final"` with random nested lists in place of the text lost 90 KB for each request. Comparing by
 * the outermost type alone gives the same results.
 */
function bounded(environment: Environment): Environment {
  let evaluator: Evaluator | undefined
  environment.registerFunction('evaluator(): bool', function (this: Evaluator) {
    evaluator = this
    return true
  })
  environment.evaluate('evaluator()')
  if (typeof evaluator?.run !== 'function' || typeof evaluator.debugTypeDeep !== 'function') {
    throw new Error('this version of @marcbachmann/cel-js cannot be bounded; use the one that package.json names')
  }
  const { debugType } = evaluator
  evaluator.debugTypeDeep = debugType
  evaluator.run = function (node, context) {
    if (--stepsLeft < 0) throw spent
    return node.evaluate(this, node, context)
  }
  return environment
}

function parse(environment: Environment, text: string): ParseResult {
  try {
    return environment.parse(text)
  } catch (error) {
    throw slipIn(text) ?? sentence(error)
  }
}

/** How other languages write it, and CEL. */
const SLIPS: Readonly<Record<string, string>> = {
  and: '&&',
  or: '||',
  not: '!',
  '&': '&&',
  '|': '||',
  '=': '==',
  '===': '==',
  '!==': '!=',
  '<>': '!=',
}
/** Texts, which are passed over, then words and operators. */
const WORDS = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<![\w.])(?:and|or|not)(?!\w)|[=!<>&|]+/gi

/** Of a text that is no CEL: the first thing in it that another language would have so. */
function slipIn(text: string): ExpressionFault | undefined {
  for (const { 0: word, index } of text.matchAll(WORDS)) {
    const name = word.toLowerCase()
    if (Object.hasOwn(SLIPS, name)) return new ExpressionFault(`'${word}' is no operator: write ${SLIPS[name]}`, index)
  }
  return undefined
}

/** The library's message and the place; without the drawing of the source line, which only fits a terminal. */
function sentence(error: unknown): Error {
  const { summary, range, message } = error as { summary?: string; range?: { start: number }; message: string }
  return range ? new ExpressionFault(summary ?? message, range.start) : new Error(summary ?? message)
}

/** What the language allows and one request must not cost. */
function faultOf(root: Node, known: readonly string[]): ExpressionFault | undefined {
  const all = nodes(root)
  for (const { node, macros } of all) {
    const fault = (message: string, at = node.start) => new ExpressionFault(message, at)
    // A regular expression of two stars takes for ever on the sender's text.
    if (node.op === 'rcall' && node.args[0] === 'matches') return fault(`'matches' is off; write startsWith, endsWith or contains`)
    if (node.op === 'rcall' && node.args[0] === 'json') return fault(`'json' is off`)
    const element = isMacro(node) ? node.args[2][0] : undefined
    if (element?.op === 'id' && known.includes(element.args)) {
      return fault(`'${element.args}' is taken: give the element another name`, element.start)
    }
    if (isMacro(node) && macros > 0) return fault(`'${node.args[0]}' inside another macro would run once for each pair of elements`)
    if (node.op === 'in' && macros > 0 && node.args[1].op !== 'list') {
      return fault(`'in' inside a macro takes only a list that is written out, as in x in ["a", "b"]`)
    }
  }
  return undefined
}

/** Every node, with the number of macros around it; what a macro runs over counts as outside. */
function nodes(root: Node): { node: Node; macros: number }[] {
  const found: { node: Node; macros: number }[] = []
  const walk = (value: unknown, macros: number): void => {
    if (Array.isArray(value)) for (const item of value) walk(item, macros)
    if (!isNode(value)) return
    found.push({ node: value, macros })
    if (isMacro(value)) {
      walk(value.args[1], macros)
      walk(value.args[2], macros + 1)
    } else walk(value.args, macros)
  }
  walk(root, 0)
  return found
}

/** The names in `data.address["city"]`; undefined when the node is anything else. */
function pathOf(node: Node): string[] | undefined {
  if (node.op === 'id') return [node.args]
  if (node.op !== '.' && node.op !== '[]') return undefined
  const name = node.op === '.' ? node.args[1] : node.args[1].op === 'value' ? node.args[1].args : undefined
  const before = isNode(node.args[0]) ? pathOf(node.args[0]) : undefined
  return before && typeof name === 'string' ? [...before, name] : undefined
}

function literalType({ op, args }: Node): 'number' | 'string' | 'boolean' | undefined {
  const type = op === 'value' ? typeof args : undefined
  return type === 'bigint' ? 'number' : type === 'number' || type === 'string' || type === 'boolean' ? type : undefined
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}

function isMacro(node: Node): node is Node & { op: 'rcall' } {
  return node.op === 'rcall' && MACROS.has(node.args[0])
}
