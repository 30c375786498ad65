// Repository names of a private registry (ECR API model, `RepositoryName`): 2 to 256 characters.

export type RepositoryName = string & { readonly __name: 'RepositoryName' }

export const repositoryNamePattern = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'
const anchored = new RegExp(`^${repositoryNamePattern}$`)

/** The name, or undefined. The length is checked first, so that the pattern never sees a long text. */
export function parseRepositoryName(text: string): RepositoryName | undefined {
  return text.length >= 2 && text.length <= 256 && anchored.test(text) ? (text as RepositoryName) : undefined
}
