// Compared by the compiler, for every operation: our shapes with the types that Amazon publishes for its clients. A member
// that one side lacks, a value that an enumeration gained, or a member that became required is a compile error here.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type * as sdk from '@aws-sdk/client-iam'
import type { LiftedString } from '../json/strict-json.ts'
import type { Base64Text } from '../shapes/base64.ts'
import type { Infer } from '../shapes/shape.ts'
import * as accessKeys from './access-keys.ts'
import * as account from './account.ts'
import * as credentials from './credentials.ts'
import * as groups from './groups.ts'
import { type IamOperationName, iamOperationNames, isIamOperationName } from './operation-names.ts'
import * as policies from './policies.ts'
import * as providers from './providers.ts'
import * as roles from './roles.ts'
import * as simulation from './simulation.ts'
import * as users from './users.ts'

const shapes = {
  ...accessKeys,
  ...account,
  ...credentials,
  ...groups,
  ...policies,
  ...providers,
  ...roles,
  ...simulation,
  ...users,
}

/**
 * Both sides in one notation. Amazon's client allows `undefined` for every member, and has `Date` and `Uint8Array` for what
 * is a number and base64 here; ours are readonly, and have members of Berth's own.
 */
type Wire<T> = T extends Date
  ? number
  : T extends Uint8Array
    ? Base64Text
    : T extends LiftedString
      ? LiftedString
      : T extends readonly (infer E)[]
        ? Wire<E>[]
        : T extends object
          ? { -readonly [K in keyof T as K extends Uncompared ? never : K]: Wire<Exclude<T[K], undefined>> }
          : T

/**
 * Berth's own members: key sets of providers, and which statement of a policy decided. And a union: they have a type per
 * member, we have a structure.
 */
type Uncompared = 'StaticJwks' | 'Sid' | 'Effect' | 'StatementIndex' | 'DecidedBy' | 'PolicyExclusionList'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function equal<_Name extends string, Ours, Theirs>(_: Equal<Wire<Ours>, Wire<Theirs>>): void {}

type Ours<Name extends string> = Name extends keyof typeof shapes ? Infer<(typeof shapes)[Name]> : never

/** What the class `GetUserCommand` of the client takes and gives, for `GetUser`. */
type Command<Name extends IamOperationName> = InstanceType<(typeof sdk)[`${Name}Command`]>
type TheirRequest<Name extends IamOperationName> = Command<Name>['input']
type TheirResponse<Name extends IamOperationName> = Omit<
  Awaited<ReturnType<ReturnType<Command<Name>['resolveMiddleware']>>>['output'],
  '$metadata'
>

/** The names of operations whose shapes differ: none. */
type Different = {
  [Name in IamOperationName]: [
    Equal<Wire<Ours<`${Name}Request`>>, Wire<TheirRequest<Name>>>,
    Equal<Wire<Ours<`${Name}Response`>>, Wire<TheirResponse<Name>>>,
  ] extends [true, true]
    ? never
    : Name
}[IamOperationName]

test('shapes are those of the published client', () => {
  equal<'every operation', Different, never>(true)

  equal<'CreateOpenIDConnectProvider', Ours<'CreateOpenIDConnectProviderRequest'>['StaticJwks'], string | undefined>(
    true,
  )
  equal<'no operation', Ours<'ListSAMLProvidersRequest'>, never>(true)

  // The comparison itself: it sees what is missing, what is required, and which values there are.
  equal<'itself', { a?: string }, { a?: string; b?: string }>(false)
  equal<'itself', { a: string }, { a?: string | undefined }>(false)
  equal<'itself', { a: { b?: 'X' }[] }, { a: { b?: 'X' | 'Y' }[] | undefined }>(false)
  equal<'itself', { a: readonly { b?: 'X' }[] }, { a: { b?: 'X' | undefined }[] | undefined }>(true)
})

test('every operation has a request and a response, and no two have one name', () => {
  for (const name of iamOperationNames) {
    assert.ok(`${name}Request` in shapes && `${name}Response` in shapes, name)
    assert.ok(isIamOperationName(name))
  }
  assert.ok(!isIamOperationName('toString'))
  const given = [accessKeys, account, credentials, groups, policies, providers, roles, simulation, users].flatMap(
    (module) => Object.keys(module),
  )
  assert.equal(given.length, Object.keys(shapes).length)
  assert.equal(new Set(iamOperationNames).size, 99)
})
