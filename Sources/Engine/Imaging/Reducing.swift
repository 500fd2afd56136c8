/// Smaller and larger copies of pictures, for people to look at.
extension Image {
    /// The picture with each pixel as a square of `factor` pixels.
    public func enlarged(by factor: Int) -> Image {
        guard factor > 1 else { return self }
        let (w, h) = (width * factor, height * factor)
        var out = [UInt16](repeating: 0, count: 3 * w * h)
        var opacity = alpha.map { _ in [UInt16](repeating: 0, count: w * h) }
        for i in 0..<w * h {
            let source = i / w / factor * width + i % w / factor
            for c in 0..<3 { out[3 * i + c] = samples[3 * source + c] }
            if let alpha { opacity?[i] = alpha[source] }
        }
        return Image(
            width: w, height: h, depth: depth, samples: out, alpha: opacity, format: format, colours: colours)
    }

    /// The picture with a longer side of at most `longest` pixels and 8 bits a sample, each pixel the mean of those that it
    /// stands for. Colours count by their opacity.
    public func reduced(toLongerSide longest: Int) -> Image {
        let longer = max(width, height)
        let side = min(longest, longer)
        guard side < longer || depth == 16 else { return self }
        let (w, h) = (max(1, width * side / longer), max(1, height * side / longer))
        let columns = (0...w).map { $0 * width / w }
        let rows = (0...h).map { $0 * height / h }
        let shift = depth == 16 ? 257 : 1
        var out = [UInt16](repeating: 0, count: w * h * 3)
        var opacity = alpha.map { _ in [UInt16](repeating: 0, count: w * h) }
        samples.withUnsafeBufferPointer { from in
            for row in 0..<h {
                for column in 0..<w {
                    var (r, g, b, weight, count) = (0, 0, 0, 0, 0)
                    for y in rows[row]..<rows[row + 1] {
                        for i in y * width + columns[column]..<y * width + columns[column + 1] {
                            let share = alpha.map { Int($0[i]) } ?? 1
                            r += share * Int(from[3 * i])
                            g += share * Int(from[3 * i + 1])
                            b += share * Int(from[3 * i + 2])
                            weight += share
                            count += 1
                        }
                    }
                    let i = row * w + column
                    let scale = max(1, weight) * shift
                    out[3 * i] = UInt16((r + scale / 2) / scale)
                    out[3 * i + 1] = UInt16((g + scale / 2) / scale)
                    out[3 * i + 2] = UInt16((b + scale / 2) / scale)
                    opacity?[i] = UInt16((weight + count * shift / 2) / (count * shift))
                }
            }
        }
        return Image(
            width: w, height: h, samples: out, alpha: opacity, format: format, colours: colours)
    }
}
