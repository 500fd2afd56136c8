import Diffusion
import TensorCore
import Verdicts

extension Judge {
    /// How well source, reconstruction and result show a text, among other texts; nil without a CLIP model.
    ///
    /// A picture that was optimised against CLIP scores high in the one view that was optimised. So several views are averaged,
    /// and the text must win against other texts.
    func visibility(of wish: String, among others: [String]) -> Verdict.Text? {
        guard let guide = model.guide else { return nil }
        let texts = [wish] + others.filter { $0 != wish }
        let embeddings = texts.map { guide.embedding(of: $0) }
        let views = PictureViews(region)
        func scores(_ picture: Tensor) -> [[Double]] {
            views.of(picture).map { view in
                let seen = guide.clip.embedding(of: Variable(view)).value
                return embeddings.map { Double(cosineSimilarity(seen, $0).value) }
            }
        }
        let (source, plain, edited) = (
            scores(result.working), scores(result.reconstruction), scores(shown)
        )
        func mean(_ scores: [[Double]], _ text: Int) -> Double {
            scores.reduce(0) { $0 + $1[text] } / Double(scores.count)
        }
        func rank(_ scores: [[Double]]) -> Int {
            1 + texts.indices.count { mean(scores, $0) > mean(scores, 0) }
        }
        return Verdict.Text(
            scoreSource: mean(source, 0), scoreReconstruction: mean(plain, 0), scoreResult: mean(edited, 0),
            viewsRisen: Double(zip(plain, edited).count { $0[0] < $1[0] }) / Double(edited.count),
            rankSource: rank(source), rankResult: rank(edited), texts: texts.count)
    }
}

extension Verdict.Text {
    /// The answer.
    var answer: EditVerdict.TextAnswer {
        let rise = scoreResult - max(scoreReconstruction, scoreSource)
        if rankResult <= 2 && rise > 0.02 && viewsRisen >= 0.75 { return .visible }
        return rise < 0.01 || viewsRisen < 0.5 ? .none : .unclear
    }
}

/// Views of a picture: the whole and the region, each as it is, mirrored, and cropped a little.
struct PictureViews {
    private let windows: [(rows: Range<Int>, columns: Range<Int>)]

    /// Views of pictures of a region's size.
    init(_ region: EditMask) {
        let size = region.size
        let whole = (rows: 0..<size.height, columns: 0..<size.width)
        let part = Self.square(around: region)
        windows = [whole, part].flatMap { window in
            [window] + [(0.0, 0.0), (1, 0), (0, 1), (1, 1)].map { Self.crop(window, $0, $1) }
        }
    }

    /// All views: each window, and it mirrored.
    func of(_ picture: Tensor) -> [Tensor] {
        windows.flatMap { window in
            [false, true].map { picture.window(rows: window.rows, columns: window.columns, mirrored: $0) }
        }
    }

    /// Nine tenths of a window at one of its corners.
    private static func crop(
        _ window: (rows: Range<Int>, columns: Range<Int>), _ down: Double, _ right: Double
    ) -> (rows: Range<Int>, columns: Range<Int>) {
        func part(_ range: Range<Int>, _ at: Double) -> Range<Int> {
            let length = max(1, range.count * 9 / 10)
            let start = range.lowerBound + Int(at * Double(range.count - length))
            return start..<start + length
        }
        return (part(window.rows, down), part(window.columns, right))
    }

    /// The square around a region, half as large again, inside the picture.
    private static func square(around region: EditMask) -> (rows: Range<Int>, columns: Range<Int>) {
        let (height, width) = (region.size.height, region.size.width)
        let inside = region.values.indices.filter { region.values[$0] }
        guard let top = inside.first.map({ $0 / width }), let bottom = inside.last.map({ $0 / width }) else {
            return (0..<height, 0..<width)
        }
        let columns = inside.map { $0 % width }
        let (left, right) = (columns.min() ?? 0, columns.max() ?? width - 1)
        let side = 3 * max(bottom - top + 1, right - left + 1) / 2
        func span(_ middle: Int, _ limit: Int) -> Range<Int> {
            let length = min(side, limit)
            let start = min(max(0, middle - length / 2), limit - length)
            return start..<start + length
        }
        return (span((top + bottom) / 2, height), span((left + right) / 2, width))
    }
}

extension Tensor {
    /// A part of a picture `(1, h, w, c)`, mirrored if asked for.
    fileprivate func window(rows: Range<Int>, columns: Range<Int>, mirrored: Bool) -> Tensor {
        let (width, channels) = (shape[2], shape[3])
        return Tensor([1, rows.count, columns.count, channels]) { out in
            withUnsafeValues { from in
                for (i, row) in rows.enumerated() {
                    for j in 0..<columns.count {
                        let column = mirrored ? columns.upperBound - 1 - j : columns.lowerBound + j
                        for c in 0..<channels {
                            out[(i * columns.count + j) * channels + c] =
                                from[(row * width + column) * channels + c]
                        }
                    }
                }
            }
        }
    }
}
