// The condition operators (IAM JSON policy elements: condition operators; multivalued context keys).

import { readBinary, readNetwork, readNumber, readTime, readTruth } from './condition-values.ts'

export type OperatorFamily = 'string' | 'numeric' | 'date' | 'bool' | 'binary' | 'ip' | 'arn' | 'null'
export type Comparison =
  | 'equals'
  | 'equals-ignore-case'
  | 'like'
  | 'less'
  | 'less-or-equal'
  | 'greater'
  | 'greater-or-equal'

export interface BaseOperator {
  name: string
  family: OperatorFamily
  comparison: Comparison
  /** True for `Not…`: holds where no value matches, and where the key is absent. */
  negated: boolean
}

export interface ConditionOperator extends BaseOperator {
  /** `ForAllValues:` or `ForAnyValue:`. */
  quantifier: 'all' | 'any' | undefined
  /** `…IfExists`: holds where the key is absent. */
  ifExists: boolean
}

const row = (name: string, family: OperatorFamily, comparison: Comparison, negated = false): BaseOperator => ({
  name,
  family,
  comparison,
  negated,
})

const ordered = (prefix: string, family: OperatorFamily): BaseOperator[] => [
  row(`${prefix}Equals`, family, 'equals'),
  row(`${prefix}NotEquals`, family, 'equals', true),
  row(`${prefix}LessThan`, family, 'less'),
  row(`${prefix}LessThanEquals`, family, 'less-or-equal'),
  row(`${prefix}GreaterThan`, family, 'greater'),
  row(`${prefix}GreaterThanEquals`, family, 'greater-or-equal'),
]

const rows: BaseOperator[] = [
  row('StringEquals', 'string', 'equals'),
  row('StringNotEquals', 'string', 'equals', true),
  row('StringEqualsIgnoreCase', 'string', 'equals-ignore-case'),
  row('StringNotEqualsIgnoreCase', 'string', 'equals-ignore-case', true),
  row('StringLike', 'string', 'like'),
  row('StringNotLike', 'string', 'like', true),
  ...ordered('Numeric', 'numeric'),
  ...ordered('Date', 'date'),
  row('Bool', 'bool', 'equals'),
  row('BinaryEquals', 'binary', 'equals'),
  row('IpAddress', 'ip', 'equals'),
  row('NotIpAddress', 'ip', 'equals', true),
  row('ArnEquals', 'arn', 'like'),
  row('ArnLike', 'arn', 'like'),
  row('ArnNotEquals', 'arn', 'like', true),
  row('ArnNotLike', 'arn', 'like', true),
  row('Null', 'null', 'equals'),
]

export const operatorNames: readonly string[] = rows.map(({ name }) => name)

const byName = new Map(rows.map((operator) => [operator.name.toLowerCase(), operator]))

/** An operator as a policy names it, without regard to case, or undefined when there is no such operator. */
export function parseOperator(text: string): ConditionOperator | undefined {
  const lower = text.toLowerCase()
  const quantifier = lower.startsWith('forallvalues:') ? 'all' : lower.startsWith('foranyvalue:') ? 'any' : undefined
  const rest = quantifier ? lower.slice(lower.indexOf(':') + 1) : lower
  const ifExists = rest.endsWith('ifexists')
  const base = byName.get(ifExists ? rest.slice(0, -'ifexists'.length) : rest)
  if (!base || (base.family === 'null' && (ifExists || quantifier))) return undefined
  return { ...base, quantifier, ifExists }
}

/** Policy variables have a meaning in the values of these operators only. */
export function takesVariables(family: OperatorFamily): boolean {
  return family === 'string' || family === 'arn' || family === 'bool'
}

/** Whether a value without variables can be read as the operator needs it. */
export function isReadable(family: OperatorFamily, value: string): boolean {
  switch (family) {
    case 'numeric':
      return readNumber(value) !== undefined
    case 'date':
      return readTime(value) !== undefined
    case 'bool':
    case 'null':
      return readTruth(value) !== undefined
    case 'binary':
      return readBinary(value) !== undefined
    case 'ip':
      return readNetwork(value) !== undefined
    default:
      return true
  }
}
