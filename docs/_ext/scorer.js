// How the search of the site orders what it finds; the numbers below `score` are those of Sphinx.
var Scorer = {
  score: ([page, title, , , score]) => {
    // For those who change the SDK.
    if (page.startsWith("maintainers/")) return score - 100;
    // Each method is documented up to four times: the blocking client comes first.
    if (/\.(Async|models\.|types\.|\w+\.with_response\.)/.test(title)) return score - 4;
    if (page.startsWith("howto/") || page.startsWith("start/")) return score + 2;
    if (page.startsWith("reference/api/") && !title.includes(".")) return score - 2;
    return score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
