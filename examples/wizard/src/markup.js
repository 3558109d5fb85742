// Markup from template literals. Every value is escaped unless it is markup itself.

class Markup {
  constructor(text) { this.text = text }
  toString() { return this.text }
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

const text = value => {
  if (value === null || value === undefined || value === false) return ''
  if (Array.isArray(value)) return value.map(text).join('')
  return value instanceof Markup ? value.text : String(value).replace(/[&<>"']/g, character => ESCAPES[character])
}

export const html = (parts, ...values) =>
  new Markup(parts.reduce((whole, part, i) => whole + text(values[i - 1]) + part))

/**
 * Replace the content of an element. The focus, the caret and scrolled places stay where they were,
 * as far as the same ids are there again.
 */
export function show(element, markup) {
  const focused = document.activeElement
  const isInside = element.contains(focused) && focused.id
  const caret = isInside && focused.selectionStart !== null && [focused.selectionStart, focused.selectionEnd]
  element.innerHTML = markup
  if (!isInside) return
  const again = document.getElementById(focused.id)
  again?.focus({ preventScroll: true })
  if (caret && again?.type !== 'email') again?.setSelectionRange?.(...caret)
}

/** Ask a question in a dialog. Resolves to whether it was answered with yes. */
export function ask({ title, lines, yes, no }) {
  const dialog = document.createElement('dialog')
  dialog.setAttribute('aria-labelledby', 'question')
  dialog.innerHTML = html`<form method="dialog">
    <h2 id="question">${title}</h2>
    ${lines.map(line => html`<p>${line}</p>`)}
    <div class="buttons"><button value="no" class="quiet">${no}</button><button value="yes" class="main">${yes}</button></div>
  </form>`
  document.body.append(dialog)
  const asker = document.activeElement
  dialog.showModal()
  return new Promise(resolve => {
    dialog.addEventListener('close', () => {
      dialog.remove()
      if (asker?.isConnected) asker.focus()
      resolve(dialog.returnValue === 'yes')
    })
  })
}
