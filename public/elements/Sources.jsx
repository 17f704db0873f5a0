// The sources under an answer: all as soon as they are found, then the cited ones first, with how
// their check came out and a way to copy the answer together with them.
import { useState } from 'react'

export default function Sources() {
  const { sources = [], words = {}, state, notes = [], computation } = props
  const { copy = "", checked = "", holds = true } = props
  const [told, setTold] = useState("")

  const card = (source) => (
    <a
      key={source.number}
      href={source.url}
      target="_blank"
      rel="noopener"
      data-testid={`source-${source.number}`}
      className={`fn-source ${source.cited ? "fn-cited" : ""} ${source.supported ? "" : "fn-doubt"}`}
    >
      <span className="fn-number">{source.number}{source.supported ? "" : "?"}</span>
      <span className="fn-body">
        <span className="fn-title">{source.title}</span>
        {source.where ? <span className="fn-where">{source.where}</span> : null}
        <span className="fn-snippet">{source.snippet}</span>
        {source.doubt ? <span className="fn-reason">{source.doubt}</span> : null}
      </span>
    </a>
  )

  async function copyAnswer() {
    const done = await write(copy)
    setTold(done ? words.copied : words.copy_failed)
    setTimeout(() => setTold(""), 2500)
  }

  const cited = sources.filter((source) => source.cited)
  const others = sources.filter((source) => !source.cited)
  const heading = { found: words.found, answered: words.sources, closest: words.closest }[state]

  return (
    <section className="fn-sources" data-testid="sources" data-state={state} aria-label={heading}>
      {copy ? (
        <div className="fn-tools">
          {checked ? (
            <span className={holds ? "fn-holds" : "fn-fails"} data-testid="checked">
              <span aria-hidden="true">{holds ? "✓" : "⚠"}</span> {checked}
            </span>
          ) : null}
          <button type="button" className="fn-copy" data-testid="copy-answer" onClick={copyAnswer}>
            {told || words.copy}
          </button>
          <span className="sr-only" role="status">{told}</span>
        </div>
      ) : null}
      {sources.length > 0 ? (
        <h3 className="fn-heading">{heading} · {state === "answered" ? cited.length : sources.length}</h3>
      ) : null}
      <div className="fn-list">{(state === "answered" ? cited : sources).map(card)}</div>
      {state === "answered" && others.length > 0 ? (
        <details className="fn-others" data-testid="also-found">
          <summary>{words.also_found} · {others.length}</summary>
          <div className="fn-list">{others.map(card)}</div>
        </details>
      ) : null}
      {notes.map((note) => (
        <p key={note} className="fn-where" data-testid="order-note">{note}</p>
      ))}
      {computation ? (
        <details className="fn-others" data-testid="computation">
          <summary>{computation.label}</summary>
          <code className="fn-query">{computation.query}</code>
        </details>
      ) : null}
    </section>
  )
}

// The clipboard proper exists over TLS and on loopback alone; elsewhere a selected text is copied.
async function write(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement("textarea")
    area.value = text
    area.className = "sr-only"
    document.body.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    return done
  }
}
