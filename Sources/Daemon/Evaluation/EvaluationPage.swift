import Foundation

/// The page of an evaluation: tables by method and steps, and plots.
struct EvaluationPage {
    /// What holds for all rows.
    struct Facts {
        let cases: Int
        let model, preset: String
        let overrides: [String]
        let seeds: [UInt64]
        /// By which features MD was taken.
        let features: String
        /// Whether LPIPS's weights were there.
        let hasLPIPS: Bool
    }

    private let rows: [EvaluationRow]
    private let facts: Facts
    private let summaries: [EvaluationSummary]
    private let times: StageTimes

    init(_ rows: [EvaluationRow], facts: Facts) {
        self.rows = rows
        self.facts = facts
        summaries = EvaluationSummary.all(rows)
        times = StageTimes(rows)
    }

    /// README.md and its plots, by name.
    var files: [(name: String, text: String)] {
        let plots = plots.compactMap { name, plot in plot.svg.map { (name: name, text: $0) } }
        return [(name: "README.md", text: markdown(plots.map(\.name)))] + plots
    }

    /// The columns of the tables, each with its figure of a row and its digits.
    private var columns: [(title: String, digits: Int, value: (EvaluationRow) -> Double?)] {
        [
            ("MD", 1, { $0.meanDistance }), ("MD in mask", 1, { $0.meanDistanceInMask }),
            ("IF", 3, { $0.imageFidelity }), ("PSNR outside", 1, { $0.outsidePSNR }),
            ("SSIM outside", 3, { $0.outsideSSIM }), ("CLIP", 3, { $0.clipScore }),
            ("seconds", 1, { [times] in times.seconds(of: $0) }),
            ("peak MB", 0, { $0.peakMemory.map { Double($0) / 1e6 } }),
        ]
    }

    private var targetColumns: [(title: String, digits: Int, value: (EvaluationRow) -> Double?)] {
        [
            ("PSNR", 2, { $0.targetPSNR }), ("SSIM", 3, { $0.targetSSIM }),
            ("PSNR of the source", 2, { $0.sourcePSNR }), ("SSIM of the source", 3, { $0.sourceSSIM }),
        ]
    }

    private func markdown(_ plots: [String]) -> String {
        var parts = ["# Evaluation", head, table(columns)]
        if rows.contains(where: { $0.targetPSNR != nil }) {
            parts += [
                "## Against the true result",
                "Where source and target differ (by more than 8 of 255, and 6 pixels around): the result against the target, and the source against it, which is what doing nothing gives.",
                table(targetColumns),
            ]
        }
        if !plots.isEmpty {
            parts += [
                "## Plots", "A broken line is a method without drag steps.",
                plots.map { "![\($0)](\($0))" }.joined(separator: "\n"),
            ]
        }
        let failed = rows.filter { $0.failure != nil }
        if !failed.isEmpty {
            let lines = Dictionary(grouping: failed) {
                "`\($0.method)`: \($0.failure ?? ""), \($0.message ?? "")"
            }
            .map { "- \($0.key) (\($0.value.count))" }.sorted()
            parts += ["## Edits that failed", lines.joined(separator: "\n")]
        }
        return parts.joined(separator: "\n\n") + "\n"
    }

    private var head: String {
        let seeds = facts.seeds.map(String.init).joined(separator: ", ")
        let spread =
            facts.seeds.count > 1
            ? "A figure is the mean over all edits ± the standard deviation of the seeds' means."
            : "A figure is the mean over all edits; one seed shows no spread."
        let done = Set(rows.map(\.name)).count
        let cases =
            done < facts.cases ? "\(done) of \(facts.cases) cases so far" : "\(facts.cases) cases"
        return [
            "\(cases), model `\(facts.model)`, preset `\(facts.preset)`"
                + (facts.overrides.isEmpty ? "" : " with \(facts.overrides.joined(separator: ", "))")
                + ", seeds \(seeds). \(spread)",
            "- \(facts.features); pixels, less is better. Not comparable with figures by other features.",
            facts.hasLPIPS
                ? "- IF is 1 − LPIPS (AlexNet) of source and result at 224². Doing nothing gives 1."
                : "- IF is missing: LPIPS's weights are not imported (`clipdragd models import FILE --as lpips`).",
            "- PSNR and SSIM outside compare source and result outside the mask, or outside the drags' surroundings.",
            "- Moved and damaged are the verdict's (docs/verdict.md): the drags' content moved, the picture is severely damaged.",
            "- CLIP is the cosine of the result with the wished result's prompt. Seconds are those of a whole edit: a stage that the cache gave counts as long as it took elsewhere. Peak MB is the process's largest size during the edit.",
        ].joined(separator: "\n")
    }

    private func table(_ columns: [(title: String, digits: Int, value: (EvaluationRow) -> Double?)]) -> String
    {
        let head = ["method", "steps", "edits", "moved", "damaged"] + columns.map(\.title)
        var lines = [row(head), row(head.map { _ in "---" })]
        for summary in summaries {
            let figures = columns.map { column in
                summary.figure(column.value).map { shown($0, column.digits) } ?? "–"
            }
            let edits =
                summary.failures == 0 ? "\(summary.edits)" : "\(summary.edits) (\(summary.failures) failed)"
            lines.append(
                row(
                    [
                        "`\(summary.method)`", summary.steps.map(String.init) ?? "–", edits,
                        percent(summary.moved), percent(summary.damaged),
                    ] + figures))
        }
        return lines.joined(separator: "\n")
    }

    private func percent(_ part: Double?) -> String {
        part.map { "\(Int(($0 * 100).rounded())) %" } ?? "–"
    }

    private func row(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |" }

    private func shown(_ figure: EvaluationSummary.Figure, _ digits: Int) -> String {
        func number(_ value: Double) -> String { String(format: "%.\(digits)f", value) }
        return number(figure.mean) + (figure.spread.map { " ± \(number($0))" } ?? "")
    }

    /// Curves over steps, and fidelity against distance (the paper's figure 6 in form).
    private var plots: [(String, LinePlot)] {
        let methods = summaries.map(\.method).reduce(into: [String]()) {
            if !$0.contains($1) { $0.append($1) }
        }
        func lines(_ point: (EvaluationSummary) -> (x: Double, y: Double)?) -> [LinePlot.Line] {
            methods.map { method in
                LinePlot.Line(
                    name: method, points: summaries.filter { $0.method == method }.compactMap(point))
            }
        }
        func overSteps(_ value: @escaping (EvaluationRow) -> Double?) -> [LinePlot.Line] {
            lines { summary in
                summary.steps.flatMap { steps in summary.figure(value).map { (Double(steps), $0.mean) } }
            }.map { line in
                var line = line
                line.level =
                    summaries.first { $0.method == line.name && $0.steps == nil }?.figure(value)?.mean
                return line
            }
        }
        let fidelity: (EvaluationRow) -> Double? = facts.hasLPIPS ? { $0.imageFidelity } : { $0.outsideSSIM }
        let name = facts.hasLPIPS ? "IF" : "SSIM outside the mask"
        return [
            (
                "distance.svg",
                LinePlot(
                    title: "MD over drag steps", xLabel: "steps", yLabel: "MD, pixels",
                    lines: overSteps { $0.meanDistance })
            ),
            (
                "fidelity.svg",
                LinePlot(
                    title: "\(name) over drag steps", xLabel: "steps", yLabel: name,
                    lines: overSteps(fidelity))
            ),
            (
                "trade-off.svg",
                LinePlot(
                    title: "\(name) against MD", xLabel: "MD, pixels", yLabel: name,
                    lines: lines { summary in
                        summary.figure { $0.meanDistance }.flatMap { distance in
                            summary.figure(fidelity).map { (distance.mean, $0.mean) }
                        }
                    })
            ),
        ]
    }
}
