import TensorCore
import Verdicts

extension Comparison {
    /// Root mean square differences of patches that count as the same content, and as other content.
    private static let (same, other) = (0.06, 0.14)

    /// What speaks for damage.
    ///
    /// - Parameters:
    ///   - drags: in the pixels of a picture of the size `image`. Content that is bent along them is not lost.
    ///   - comparesOutlines: an edit prompt may recolour things and leave their outlines.
    func damage(drags: [Drag] = [], image: Size? = nil, comparesOutlines: Bool = false) -> Verdict.Damage {
        let image = image ?? size
        let longest = drags.map { $0.handle.distance(to: $0.target) }.max() ?? 0
        let part = 1.25 * longest / Double(image.longerSide) + 0.03
        let reach = max(4, Int((part * Double(size.longerSide)).rounded()))
        let left = source.patchMatches(in: result, centres: changed, reach: reach)
        let come = result.patchMatches(in: source, centres: changed, reach: reach)
        var (lost, new) = (left.costs, come.costs)
        let variants = BentPicture.variants(of: source, along: drags, image: image)
        for bent in variants {
            spare(&lost, &new, bent, reach: reach + size.longerSide / 20)
        }
        let outlines = comparesOutlines ? outlines([source] + variants.map(\.picture)) : nil
        return Verdict.Damage(
            changed: Double(changed.count) / Double(size.height * size.width), lost: Self.unmatched(lost),
            new: Self.unmatched(new), colour: colourShift(come), sharpness: sharpness, outside: outside,
            outlines: outlines)
    }

    /// The result's outlines against those of the picture, among some, that they are most like.
    private func outlines(_ sources: [Tensor]) -> Verdict.Outlines? {
        sources.map { Verdict.Outlines(source: $0, result: result) }.max { $0.likeness < $1.likeness }
    }

    /// Lowers the costs of changed pixels whose content a bent source shows as the result does.
    private func spare(_ lost: inout [Float], _ new: inout [Float], _ bent: BentPicture, reach: Int) {
        let come = result.patchMatches(in: bent.picture, centres: changed, reach: reach)
        for i in new.indices { new[i] = min(new[i], come.costs[i]) }
        let number = Dictionary(uniqueKeysWithValues: zip(changed, changed.indices))
        let from = bent.origins.indices.filter { number[bent.origins[$0]] != nil }
        let left = bent.picture.patchMatches(in: result, centres: from, reach: reach)
        for (pixel, cost) in zip(from, left.costs) {
            guard let i = number[bent.origins[pixel]] else { continue }
            lost[i] = min(lost[i], cost)
        }
    }

    /// The mean of how far patches are from being found in the other picture, by their costs: 0 for the same content, 1 for other.
    private static func unmatched(_ costs: [Float]) -> Double {
        guard !costs.isEmpty else { return 0 }
        let parts = costs.map { cost in
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
    /// - Parameters:
    ///   - showsAnotherThing: whether the result shows the other thing that the edit prompt names. What that changed is no damage.
    ///   - isDragged: whether content that was bent along drags was spared. What is then lost was torn.
    func answer(showsAnotherThing: Bool, isDragged: Bool) -> EditVerdict.Damage {
        let answers = [showsAnotherThing ? .none : spared(content(isDragged)), blur, surroundings]
        return answers.contains(.severe) ? .severe : answers.contains(.slight) ? .slight : .none
    }

    /// Where the things keep their shapes, the edit prompt gave them other colours: that is no severe damage.
    private func spared(_ content: EditVerdict.Damage) -> EditVerdict.Damage {
        content == .severe && outlines?.areKept == true ? .slight : content
    }

    /// Content that was lost, torn or discoloured.
    private func content(_ isDragged: Bool) -> EditVerdict.Damage {
        let part = max(lost, new)
        let area = part * changed
        let (mostArea, leastArea, leastPart) = isDragged ? (0.0117, 0.001, 0.016) : (0.06, 0.0012, 0.095)
        if area > mostArea || part > 0.35 && area > 0.004 || colour > 0.09 || colour * changed > 0.02 {
            return .severe
        }
        return part > leastPart && area > leastArea || area > 0.021 || colour > 0.03 && changed > 0.006
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
