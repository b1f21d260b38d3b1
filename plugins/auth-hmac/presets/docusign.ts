import type { Preset } from '../settings.ts'

// One header for each key of the account; the first ten.
export default {
  page: 'https://developers.docusign.com/platform/webhooks/connect/hmac/',
  encoding: 'base64',
  signature: {
    from: [
      'header:x-docusign-signature-1',
      'header:x-docusign-signature-2',
      'header:x-docusign-signature-3',
      'header:x-docusign-signature-4',
      'header:x-docusign-signature-5',
      'header:x-docusign-signature-6',
      'header:x-docusign-signature-7',
      'header:x-docusign-signature-8',
      'header:x-docusign-signature-9',
      'header:x-docusign-signature-10',
    ],
  },
} satisfies Preset
