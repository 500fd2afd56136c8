import TensorCore
import Verdicts

extension Comparison {
    /// Root mean square differences of patches that count as the same content, and as other content.
    private static let (same, other) = (0.06, 0.14)

    /// What speaks for damage.
    ///
    /// - Parameter reach: how far content may have moved, as a part of the longer side.
    func damage(reach: Double) -> Verdict.Damage {
        let reach = max(4, Int((reach * Double(size.longerSide)).rounded()))
        let left = source.patchMatches(in: result, centres: changed, reach: reach)
        let come = result.patchMatches(in: source, centres: changed, reach: reach)
        return Verdict.Damage(
            changed: Double(changed.count) / Double(size.height * size.width), lost: Self.unmatched(left),
            new: Self.unmatched(come), colour: colourShift(come), sharpness: sharpness, outside: outside)
    }

    /// The part of patches that lie nowhere near in the other picture.
    private static func unmatched(_ matches: PatchMatches) -> Double {
        guard !matches.costs.isEmpty else { return 0 }
        let parts = matches.costs.map { cost in
            min(max((Double(cost).squareRoot() - same) / (other - same), 0), 1)
        }
        return parts.reduce(0, +) / Double(parts.count)
    }

    /// The mean way from the colours of the source's content to those of the same content in the result.
    private func colourShift(_ matches: PatchMatches) -> Double {
        guard !changed.isEmpty else { return 0 }
        var sums = SIMD3<Double>()
        source.withUnsafeValues { source in
            result.withUnsafeValues { result in
                for (i, place) in zip(changed, matches.places) {
                    for c in 0..<3 { sums[c] += Double(result[3 * i + c] - source[3 * place + c]) }
                }
            }
        }
        let mean = sums / Double(changed.count)
        return ((mean * mean).sum() / 3).squareRoot()
    }

    /// The result's energy of Laplacians where something changed, as a part of the source's; 1 where the source has none.
    private var sharpness: Double {
        func energy(_ picture: Tensor) -> Double {
            picture.withUnsafeValues { values in
                func grey(_ row: Int, _ column: Int) -> Double {
                    let i =
                        3
                        * (min(max(row, 0), size.height - 1) * size.width
                            + min(max(column, 0), size.width - 1))
                    return Double(values[i] + values[i + 1] + values[i + 2]) / 3
                }
                return changed.reduce(0.0) { sum, i in
                    let (row, column) = (i / size.width, i % size.width)
                    let beside = grey(row, column - 1) + grey(row, column + 1)
                    let stacked = grey(row - 1, column) + grey(row + 1, column)
                    let laplacian = beside + stacked - 4 * grey(row, column)
                    return sum + laplacian * laplacian
                }
            }
        }
        let least = 1e-4 * Double(changed.count)
        let before = energy(source)
        return before > least ? energy(result) / before : 1
    }

    /// The mean absolute difference outside the region.
    private var outside: Double {
        let places = region.values.indices.filter { !region.values[$0] }
        return places.isEmpty
            ? 0 : places.reduce(0.0) { $0 + Double(difference[$1]) } / Double(places.count)
    }
}

extension Verdict.Damage {
    /// The answer.
    ///
    /// - Parameter text: the answer about the edit prompt. What a visible text changed is no damage: new content was asked for.
    func answer(_ text: EditVerdict.TextAnswer?) -> EditVerdict.Damage {
        let answers = [text == .visible ? .none : content, blur, surroundings]
        return answers.contains(.severe) ? .severe : answers.contains(.slight) ? .slight : .none
    }

    /// Content that was lost, torn or discoloured.
    private var content: EditVerdict.Damage {
        let part = max(lost, new)
        let area = part * changed
        if area > 0.028 || part > 0.35 && area > 0.004 || colour > 0.09 { return .severe }
        return part > 0.095 && area > 0.0012 || area > 0.021 || colour > 0.03 && changed > 0.002
            ? .slight : .none
    }

    private var blur: EditVerdict.Damage {
        guard changed > 0.006, sharpness < 0.5 else { return .none }
        return sharpness < 0.15 ? .severe : .slight
    }

    private var surroundings: EditVerdict.Damage {
        outside > 0.04 ? .severe : outside > 0.015 ? .slight : .none
    }
}
