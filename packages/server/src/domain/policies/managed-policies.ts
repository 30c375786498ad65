// AWS's managed policies that Berth has, by their ARNs: read-only, there in every account, to be attached like an account's own. Documents
// and dates are those of AWS ("AWS Managed Policy Reference Guide"), of ReadOnlyAccess only what concerns services of a registry. Where
// AWS publishes no policy id, the id is one of our own.

export interface ManagedPolicy {
  arn: string
  policyId: string
  name: string
  path: string
  description: string
  /** Of its default version, the only one that is kept. */
  version: number
  createdAt: number
  /** When the default version was made. */
  updatedAt: number
  document: string
}

interface Row {
  name: string
  policyId: string
  description: string
  version: number
  createdAt: string
  updatedAt: string
  statements: readonly object[]
}

const allow = (...actions: string[]) => ({ Effect: 'Allow', Action: actions, Resource: '*' })

const pull = ['ecr:GetAuthorizationToken', 'ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer']
const look = [
  ...['ecr:GetRepositoryPolicy', 'ecr:DescribeRepositories', 'ecr:ListImages', 'ecr:DescribeImages'],
  ...['ecr:BatchGetImage', 'ecr:GetLifecyclePolicy', 'ecr:GetLifecyclePolicyPreview', 'ecr:ListTagsForResource'],
  'ecr:DescribeImageScanFindings',
]
const push = ['InitiateLayerUpload', 'UploadLayerPart', 'CompleteLayerUpload', 'PutImage']
const lookInPublic = [
  ...['ecr-public:GetAuthorizationToken', 'sts:GetServiceBearerToken', 'ecr-public:BatchCheckLayerAvailability'],
  ...['ecr-public:GetRepositoryPolicy', 'ecr-public:DescribeRepositories', 'ecr-public:DescribeRegistries'],
  ...['ecr-public:DescribeImages', 'ecr-public:DescribeImageTags', 'ecr-public:GetRepositoryCatalogData'],
  'ecr-public:GetRegistryCatalogData',
]

const rows: readonly Row[] = [
  {
    name: 'AdministratorAccess',
    policyId: 'ANPAIWMBCKSKIEE64ZLYK',
    description: 'Provides full access to AWS services and resources.',
    version: 1,
    createdAt: '2015-02-06T18:39:46Z',
    updatedAt: '2015-02-06T18:39:46Z',
    statements: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
  },
  {
    name: 'AmazonEC2ContainerRegistryFullAccess',
    policyId: 'ANPAIESRL7KD7IIVF6V4W',
    description: 'Provides administrative access to Amazon ECR resources',
    version: 3,
    createdAt: '2015-12-21T17:06:48Z',
    updatedAt: '2020-12-05T00:04:19Z',
    statements: [
      allow('ecr:*', 'cloudtrail:LookupEvents'),
      {
        ...allow('iam:CreateServiceLinkedRole'),
        Condition: { StringEquals: { 'iam:AWSServiceName': ['replication.ecr.amazonaws.com'] } },
      },
    ],
  },
  {
    name: 'AmazonEC2ContainerRegistryPowerUser',
    policyId: 'ANPAJDNE5PIHROIBGGDDW',
    description:
      'Provides full access to Amazon EC2 Container Registry repositories, but does not allow repository deletion or policy changes.',
    version: 3,
    createdAt: '2015-12-21T17:05:33Z',
    updatedAt: '2019-12-10T20:48:08Z',
    statements: [allow(...pull, ...look, ...push.map((name) => `ecr:${name}`))],
  },
  {
    name: 'AmazonEC2ContainerRegistryPullOnly',
    policyId: 'ANPAZKAPJZG4BERTHPULL',
    description: 'Provides access to pull images from Amazon EC2 Container Registry repositories.',
    version: 1,
    createdAt: '2024-10-04T16:58:49Z',
    updatedAt: '2024-10-04T16:58:49Z',
    statements: [
      allow(
        ...['ecr:GetAuthorizationToken', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        'ecr:BatchImportUpstreamImage',
      ),
    ],
  },
  {
    name: 'AmazonEC2ContainerRegistryReadOnly',
    policyId: 'ANPAIFYZPA37OOHVIH7KQ',
    description: 'Provides read-only access to Amazon EC2 Container Registry repositories.',
    version: 3,
    createdAt: '2015-12-21T17:04:15Z',
    updatedAt: '2019-12-10T20:56:32Z',
    statements: [allow(...pull, ...look)],
  },
  {
    name: 'AmazonElasticContainerRegistryPublicFullAccess',
    policyId: 'ANPAZKAPJZG4BERTHFULL',
    description: 'Provides administrative access to Amazon ECR Public resources',
    version: 1,
    createdAt: '2020-12-01T17:25:52Z',
    updatedAt: '2020-12-01T17:25:52Z',
    statements: [allow('ecr-public:*', 'sts:GetServiceBearerToken')],
  },
  {
    name: 'AmazonElasticContainerRegistryPublicPowerUser',
    policyId: 'ANPAZKAPJZG4BERTHPOWR',
    description:
      'Provides full access to Amazon ECR Public repositories, but does not allow repository deletion or policy changes.',
    version: 1,
    createdAt: '2020-12-01T16:16:54Z',
    updatedAt: '2020-12-01T16:16:54Z',
    statements: [allow(...lookInPublic, ...push.map((name) => `ecr-public:${name}`))],
  },
  {
    name: 'AmazonElasticContainerRegistryPublicReadOnly',
    policyId: 'ANPAZKAPJZG4BERTHREAD',
    description: 'Provides read-only access to Amazon ECR Public repositories.',
    version: 1,
    createdAt: '2020-12-01T17:27:04Z',
    updatedAt: '2020-12-01T17:27:04Z',
    statements: [allow(...lookInPublic)],
  },
  {
    name: 'IAMFullAccess',
    policyId: 'ANPAI7XKCFMBPM3QQRRVQ',
    description: 'Provides full access to IAM via the AWS Management Console.',
    version: 2,
    createdAt: '2015-02-06T18:40:38Z',
    updatedAt: '2019-06-21T19:40:00Z',
    statements: [
      allow(
        ...['iam:*', 'organizations:DescribeAccount', 'organizations:DescribeOrganization'],
        ...['organizations:DescribeOrganizationalUnit', 'organizations:DescribePolicy', 'organizations:ListChildren'],
        ...['organizations:ListParents', 'organizations:ListPoliciesForTarget', 'organizations:ListRoots'],
        ...['organizations:ListPolicies', 'organizations:ListTargetsForPolicy'],
      ),
    ],
  },
  {
    name: 'IAMReadOnlyAccess',
    policyId: 'ANPAJKSO7NDY4T57MWDSQ',
    description: 'Provides read only access to IAM via the AWS Management Console.',
    version: 4,
    createdAt: '2015-02-06T18:40:39Z',
    updatedAt: '2018-01-25T19:11:27Z',
    statements: [
      allow(
        ...['iam:GenerateCredentialReport', 'iam:GenerateServiceLastAccessedDetails', 'iam:Get*', 'iam:List*'],
        ...['iam:SimulateCustomPolicy', 'iam:SimulatePrincipalPolicy'],
      ),
    ],
  },
  {
    name: 'PowerUserAccess',
    policyId: 'ANPAJYRXTHIB4FOVS3ZXS',
    description:
      'Provides full access to AWS services and resources, but does not allow management of Users and groups.',
    version: 12,
    createdAt: '2015-02-06T18:39:47Z',
    updatedAt: '2026-02-12T17:59:14Z',
    statements: [
      { Effect: 'Allow', NotAction: ['iam:*', 'organizations:*', 'account:*'], Resource: '*' },
      allow(
        ...['account:GetAccountInformation', 'account:GetGovCloudAccountInformation', 'account:GetPrimaryEmail'],
        ...['account:ListRegions', 'iam:CreateServiceLinkedRole', 'iam:DeleteServiceLinkedRole', 'iam:ListRoles'],
        ...['organizations:DescribeEffectivePolicy', 'organizations:DescribeOrganization'],
      ),
    ],
  },
  {
    name: 'ReadOnlyAccess',
    policyId: 'ANPAILL3HVNFSB6DCOWYQ',
    description: 'Provides read-only access to AWS services and resources.',
    version: 188,
    createdAt: '2015-02-06T18:39:48Z',
    updatedAt: '2026-07-21T18:42:30Z',
    statements: [
      allow(
        ...lookInPublic.filter((action) => action.startsWith('ecr-public:')),
        ...['ecr-public:ListTagsForResource', 'ecr:BatchCheck*', 'ecr:BatchGet*', 'ecr:Describe*', 'ecr:Get*'],
        ...['ecr:List*', 'iam:Generate*', 'iam:Get*', 'iam:List*', 'iam:Simulate*'],
        ...['sts:GetAccessKeyInfo', 'sts:GetCallerIdentity', 'sts:GetSessionToken'],
      ),
    ],
  },
]

const all = rows.map(
  ({ statements, createdAt, updatedAt, ...row }): ManagedPolicy => ({
    ...row,
    arn: `arn:aws:iam::aws:policy/${row.name}`,
    path: '/',
    createdAt: Date.parse(createdAt),
    updatedAt: Date.parse(updatedAt),
    document: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
  }),
)

export const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'

export const managedPolicies: ReadonlyMap<string, ManagedPolicy> = new Map(all.map((policy) => [policy.arn, policy]))
