// Whoever runs the judges may have AWS and Terraform settings of their own. The programs must see the test's only.

/** How the machine's environment was, for what must be looked up in it. */
export const machineEnvironment: Readonly<Record<string, string | undefined>> = { ...process.env }

for (const name of Object.keys(process.env)) {
  if (/^(AWS_|TF_)/.test(name)) delete process.env[name]
}

/** For every program that reads AWS settings: no files, no metadata service, no pager. */
export const ownSettings: Record<string, string> = {
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_PAGER: '',
}
