import Foundation

/// A plot of lines as SVG.
struct LinePlot {
    /// One line: its name and points.
    struct Line {
        let name: String
        let points: [(x: Double, y: Double)]
        /// A value that holds for every x: a broken line across the plot, without points.
        var level: Double?
    }

    let title, xLabel, yLabel: String
    let lines: [Line]

    private static let colours = [
        "#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#d19a2a", "#4f5d75", "#2a9d8f", "#b5179e", "#6c757d",
        "#7f4f24",
    ]

    /// The picture, 640×400; nil where no line has a point.
    var svg: String? {
        let points = lines.flatMap(\.points)
        let heights = points.map(\.y) + lines.compactMap(\.level)
        guard let x0 = points.map(\.x).min(), let x1 = points.map(\.x).max(), let y0 = heights.min(),
            let y1 = heights.max()
        else { return nil }
        let (xSpan, ySpan) = (max(x1 - x0, 1e-9), max(y1 - y0, 1e-9))
        func at(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
            (70 + 400 * (point.x - x0) / xSpan, 340 - 280 * (point.y - y0) / ySpan)
        }
        var parts = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 400\" font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"640\" height=\"400\" fill=\"white\"/>",
            text(title, 20, 25, "font-size=\"15\""), text(xLabel, 240, 385, ""),
            text(yLabel, 20, 45, ""),
            "<path d=\"M70 60V340H470\" fill=\"none\" stroke=\"#555\"/>",
        ]
        for part in 0...4 {
            let y = y0 + ySpan * Double(part) / 4
            let place = at((x0, y)).y
            parts.append("<path d=\"M70 \(shown(place))H470\" stroke=\"#ddd\"/>")
            parts.append(text(shown(y), 64, place + 4, "text-anchor=\"end\""))
        }
        // Few values, as those of steps, are marked themselves; of many, five between the ends are.
        let values = Set(points.map(\.x)).sorted()
        for x in values.count <= 6 ? values : (0...4).map({ x0 + xSpan * Double($0) / 4 }) {
            parts.append(text(shown(x), at((x, y0)).x, 358, "text-anchor=\"middle\""))
        }
        for (i, line) in lines.enumerated() where !line.points.isEmpty || line.level != nil {
            let colour = Self.colours[i % Self.colours.count]
            if let level = line.level.map({ at((x0, $0)).y }) {
                parts.append(
                    "<path d=\"M70 \(shown(level))H470\" stroke=\"\(colour)\" stroke-dasharray=\"5 4\"/>")
            }
            let places = line.points.map(at)
            if !places.isEmpty {
                let path = places.map { "\(shown($0.x)) \(shown($0.y))" }.joined(separator: "L")
                parts.append("<path d=\"M\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>")
            }
            for place in places {
                parts.append(
                    "<circle cx=\"\(shown(place.x))\" cy=\"\(shown(place.y))\" r=\"4\" fill=\"\(colour)\"/>")
            }
            let row = 70 + 20 * Double(i)
            parts.append(
                "<rect x=\"490\" y=\"\(shown(row - 9))\" width=\"10\" height=\"10\" fill=\"\(colour)\"/>")
            parts.append(text(line.name, 506, row, ""))
        }
        return parts.joined(separator: "\n") + "\n</svg>\n"
    }

    private func text(_ text: String, _ x: Double, _ y: Double, _ more: String) -> String {
        let safe = text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(
            of: "<", with: "&lt;")
        return "<text x=\"\(shown(x))\" y=\"\(shown(y))\" \(more)>\(safe)</text>"
    }

    private func shown(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e6 ? String(Int(value)) : String(format: "%.3g", value)
    }
}
