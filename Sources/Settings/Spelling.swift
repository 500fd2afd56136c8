/// "; did you mean `…`?" when a known word is near a misspelt one, else nothing.
public func suggestion(for word: String, among known: [String]) -> String {
    nearest(to: word, among: known).map { "; did you mean `\($0)`?" } ?? ""
}

/// The known word nearest to a misspelt one; nil where more than a third of its letters differ.
func nearest(to word: String, among known: [String]) -> String? {
    let lower = Array(word.lowercased())
    return known.map { ($0, editDistance(lower, Array($0.lowercased()))) }
        .filter { $0.1 <= max(1, ($0.0.count + 1) / 3) }.min { $0.1 < $1.1 }?.0
}

/// The least number of letters to insert, remove or replace that makes one word of the other.
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let change = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(change, row[j + 1] + 1, row[j] + 1)
        }
    }
    return row[b.count]
}
