// As one file: the database is in the page, with the event function that build.mjs has put into it.

import { connect } from './database.js'
import { PGliteTransport } from './pglite.js'
import { runWizard } from './wizard.js'

document.querySelector('#screen p').textContent = 'One moment: PostgreSQL starts in this page …'
runWizard(new PGliteTransport(connect()), document.getElementById('data').dataset.function)
