// What a search found: a ranked list, the words of the query marked.
export default function Results() {
  const { label = "", score = "", results = [], notes = [] } = props

  return (
    <section className="fn-results" data-testid="results" aria-label={label}>
      <ol>
        {results.map((one) => (
          <li key={one.rank} data-testid={`result-${one.rank}`}>
            <a href={one.url} target="_blank" rel="noopener" className="fn-source fn-result">
              <span className="fn-number">{one.rank}</span>
              <span className="fn-body">
                <span className="fn-result-head">
                  <span className="fn-title">{one.title}</span>
                  <span className="fn-score" title={score}>{one.score}</span>
                </span>
                <span className="fn-where">{[one.file, one.where].filter(Boolean).join(" · ")}</span>
                <span className="fn-passage">
                  {one.before ? "… " : ""}
                  {one.pieces.map(([text, marked], n) => (marked ? <mark key={n}>{text}</mark> : text))}
                  {one.after ? " …" : ""}
                </span>
              </span>
            </a>
          </li>
        ))}
      </ol>
      {notes.map((note) => <p key={note} className="fn-where">{note}</p>)}
    </section>
  )
}
