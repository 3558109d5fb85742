// Over HTTP: the service that has served this page. ?function=<id> chooses what is sold.

import { HttpTransport } from './http.js'
import { runWizard } from './wizard.js'

const EXAMPLE = 'eebddef5-6833-43e3-8d32-700508b1c089'

await runWizard(new HttpTransport(), new URLSearchParams(location.search).get('function') ?? EXAMPLE)
