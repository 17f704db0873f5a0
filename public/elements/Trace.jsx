// How an answer came about: one line, and what is behind it, folded.
export default function Trace() {
  const { label = "", summary = "", rows = [] } = props

  return (
    <details className="fn-trace" data-testid="trace">
      <summary aria-label={`${label}: ${summary}`} title={label}>
        <span className="fn-trace-line">{summary}</span>
      </summary>
      <dl>
        {rows.map((row) => (
          <div key={row.name}>
            <dt>{row.name}</dt>
            <dd>{row.lines.map((line, n) => <p key={n}>{line}</p>)}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
