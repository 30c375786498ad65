import { describeMetadataStore } from '../../../test/suites/metadata-store.suite.ts'
import { whyNoDatabase } from '../../../test/support/postgres-server.ts'
import { newDatabase } from '../../../test/support/postgres-store.ts'

describeMetadataStore({
  name: 'PostgreSQL',
  skip: whyNoDatabase(),
  hasOtherStarts: true,
  async open(t) {
    const { node } = await newDatabase(t)
    const [store, other] = [await node(), await node()]
    return { store, other, reopen: () => node() }
  },
})
