// The vocabulary in which the operations are described, after the AWS service models: what a JSON value must be (decode.ts),
// which constraints it must satisfy (violations.ts), and, through `Infer`, the TypeScript type of a valid value.

import type { Base64Text } from './base64.ts'

export interface StringShape<V extends string = string> {
  readonly kind: 'string'
  readonly min?: number
  readonly max?: number
  /** As it is printed. It must match the whole value. */
  readonly pattern?: string
  readonly matcher?: RegExp
  readonly values?: readonly V[]
  /** ECR leaves the word "Member" out when it speaks of a repository name. */
  readonly isRepositoryName?: true
  /** ECR writes the member that holds a document in Pascal case. */
  readonly isDocument?: true
  /** It is never repeated in a refusal or a log. */
  readonly isSecret?: true
}

export interface NumberShape {
  readonly kind: 'integer' | 'long'
  readonly min?: number
  readonly max?: number
}

export interface BooleanShape {
  readonly kind: 'boolean'
}

/** Seconds since the epoch, with a fraction. Only in outputs. */
export interface TimestampShape {
  readonly kind: 'timestamp'
}

export interface BlobShape {
  readonly kind: 'blob'
  /** In decoded bytes. */
  readonly max?: number
}

export interface ListShape<E extends Shape = Shape> {
  readonly kind: 'list'
  readonly element: E
  readonly min?: number
  readonly max?: number
}

export interface MapShape<K extends string = string, V extends Shape = Shape> {
  readonly kind: 'map'
  readonly key: StringShape<K>
  readonly value: V
}

export interface StructureShape<M extends Members = Members> {
  readonly kind: 'structure'
  readonly members: M
}

export type Shape =
  | StringShape
  | NumberShape
  | BooleanShape
  | TimestampShape
  | BlobShape
  | ListShape
  | MapShape
  | StructureShape

export interface RequiredMember<S extends Shape = Shape> {
  readonly kind: 'required'
  readonly shape: S
}

export interface Members {
  readonly [name: string]: Shape | RequiredMember
}

interface Range {
  min?: number
  max?: number
}

export function string(
  options: Range & { pattern?: string; isRepositoryName?: true; isDocument?: true; isSecret?: true } = {},
): StringShape {
  const { pattern } = options
  return { kind: 'string', ...options, ...(pattern !== undefined && { matcher: matcherOf(pattern) }) }
}

/** Patterns are written for Java. Its classes of Unicode, as in `\p{L}`, are such only with the flag here. */
function matcherOf(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, pattern.includes('\\p{') ? 'u' : '')
}

/** The values in the order in which a refusal lists them. */
export function enumeration<const V extends string>(...values: V[]): StringShape<V> {
  return { kind: 'string', values }
}

export function integer(range: Range = {}): NumberShape {
  return { kind: 'integer', ...range }
}

export function long(range: Range = {}): NumberShape {
  return { kind: 'long', ...range }
}

export function boolean(): BooleanShape {
  return { kind: 'boolean' }
}

export function timestamp(): TimestampShape {
  return { kind: 'timestamp' }
}

export function blob(options: { max?: number } = {}): BlobShape {
  return { kind: 'blob', ...options }
}

export function list<E extends Shape>(element: E, range: Range = {}): ListShape<E> {
  return { kind: 'list', element, ...range }
}

export function map<K extends string, V extends Shape>(key: StringShape<K>, value: V): MapShape<K, V> {
  return { kind: 'map', key, value }
}

/** Members in the order in which they are checked. They are optional unless they are `required`. */
export function structure<const M extends Members>(members: M): StructureShape<M> {
  return { kind: 'structure', members }
}

export function required<S extends Shape>(shape: S): RequiredMember<S> {
  return { kind: 'required', shape }
}

/** The type of a valid value. */
export type Infer<S> =
  S extends StringShape<infer V>
    ? V
    : S extends NumberShape | TimestampShape
      ? number
      : S extends BooleanShape
        ? boolean
        : S extends BlobShape
          ? Base64Text
          : S extends ListShape<infer E>
            ? readonly Infer<E>[]
            : S extends MapShape<infer K, infer V>
              ? string extends K
                ? { readonly [key: string]: Infer<V> }
                : { readonly [key in K]?: Infer<V> }
              : S extends StructureShape<infer M>
                ? Flat<
                    { [K in RequiredNames<M>]: Infer<ShapeOf<M[K]>> } & {
                      [K in Exclude<keyof M, RequiredNames<M>>]?: Infer<ShapeOf<M[K]>>
                    }
                  >
                : never

/** The type of a value with the right JSON types whose constraints nobody has checked: anything may still be missing. */
export type Decoded<S> = S extends StringShape
  ? string
  : S extends NumberShape | TimestampShape
    ? number
    : S extends BooleanShape
      ? boolean
      : S extends BlobShape
        ? Base64Text
        : S extends ListShape<infer E>
          ? readonly (Decoded<E> | null)[]
          : S extends MapShape<string, infer V>
            ? { readonly [key: string]: Decoded<V> | null }
            : S extends StructureShape<infer M>
              ? { [K in keyof M]?: Decoded<ShapeOf<M[K]>> }
              : never

type ShapeOf<M> = M extends RequiredMember<infer S> ? S : M
type RequiredNames<M> = { [K in keyof M]: M[K] extends RequiredMember ? K : never }[keyof M]
type Flat<T> = { [K in keyof T]: T[K] }
