import ArgumentParser
import Diffusion
import DragEditing
import EditJobs
import Foundation
import JobFiles
import JSON
import ModelManagement
import TensorCore

/// `clipdragd bench`: how fast the heavy steps are on this machine.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Time the heavy steps of an edit on this machine.")

    /// Models whose shapes are known without their weights.
    enum Shapes: String, ExpressibleByArgument, CaseIterable { case sd15 }

    @Option(help: "Use random weights in this model's shapes instead of a model folder.") var synthetic:
        Shapes?
    @Option(help: "The model's name or folder.") var model = ModelStore.defaultName
    @Option(help: "Side of the square picture in pixels (default: the model's native size).") var pixels: Int?
    @Option(help: "Drags of the drag loop.") var pairs = 1
    @Option(help: "Iterations of the drag loop in one run.") var iterations = 1
    @Option(help: "Timed runs of each step after a warm-up; 0 times the warm-up.") var runs = 3
    @Option(help: "Threads (default: all cores).") var threads: Int?
    @Option(help: "f32, or bf16 if the CPU computes in it.") var precision = Kernels.Precision.f32
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Time only these steps: \(Benchmark.Step.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "STEP"))
    var only: [String] = []
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        for name in only where Benchmark.Step(rawValue: name) == nil {
            throw ValidationError(
                "there is no step `\(name)`; there are \(Benchmark.Step.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        if let pixels, pixels < 32 || pixels % 8 != 0 {
            throw ValidationError("--pixels takes a multiple of 8, from 32")
        }
        for (name, value, range) in [
            ("--pairs", pairs, 1...64), ("--iterations", iterations, 1...1000), ("--runs", runs, 0...1000),
            ("--threads", threads ?? 1, 1...256),
        ] where !range.contains(value) {
            throw ValidationError("\(name) takes a number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() throws {
        try output.report {
            Kernels.threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
            guard Kernels.select(precision) else {
                throw ValidationError("this CPU does not compute in \(precision.rawValue); measure with f32")
            }
            let peak = Kernels.measurePeak()
            let folder = try ModelStore(stateFolder: places.stateFolder).folder(of: model)
            var model = try ModelStore.load(folder)
            if synthetic == .sd15 { model = try .syntheticStableDiffusion15(base: model) }
            let benchmark = Benchmark(
                model, pixels: pixels ?? model.nativeSize, pairs: pairs, iterations: iterations)
            if !output.json {
                print(
                    "\(Machine.processor), \(Kernels.threads) threads, \(Kernels.instructionSet), \(precision.rawValue), FMA peak \(Int(peak / 1e9)) GFLOP/s"
                )
            }
            for step in only.isEmpty ? Benchmark.Step.parts : only.compactMap(Benchmark.Step.init) {
                Machine.resetPeakMemory()
                let measured = try benchmark.measure(step, runs: runs)
                print(line(measured, peak: peak))
            }
        }
    }

    private func line(_ m: Benchmark.Measurement, peak: Double) -> String {
        let rate = m.operations / m.best
        guard output.json else {
            let name = m.step.rawValue.padding(toLength: 30, withPad: " ", startingAt: 0)
            return String(
                format: "%@ %8.3f s  %6.0f GFLOP/s  %3.0f %% of peak  %6.0f MB", name, m.best, rate / 1e9,
                100 * rate / peak, Machine.peakMemoryMB)
        }
        let line = BenchLine(
            engine: "clipdragd \(Version.current)", model: synthetic?.rawValue ?? model,
            what: m.step.rawValue,
            precision: precision.rawValue, seconds: m.best, mean: m.mean, runs: runs, pixels: m.pixels,
            threads: Kernels.threads, gflop: m.operations / 1e9, gflops: rate / 1e9, peakGflops: peak / 1e9,
            fractionOfPeak: rate / peak, peakMemory: Machine.peakMemoryMB,
            instructionSet: Kernels.instructionSet.description, cpu: Machine.processor,
            pairs: m.iterations.map { _ in pairs }, iterations: m.iterations)
        return line.oneLine
    }
}

/// The line of `bench --json` for a step.
private struct BenchLine: Record {
    static let schema = "clipdrag-bench/1"
    let engine, model, what, precision: String
    /// Seconds of the fastest run, and of the runs' mean.
    let seconds, mean: Double
    let runs, pixels, threads: Int
    /// Billions of floating-point operations: of the step, of it a second, and of the CPU's peak a second.
    let gflop, gflops, peakGflops: Double
    let fractionOfPeak: Double
    /// Megabytes of the largest resident size.
    let peakMemory: Double
    let instructionSet, cpu: String
    /// Drags, and iterations of a run; absent of steps that have none.
    let pairs, iterations: Int?

    enum CodingKeys: String, OmittingKey {
        case engine, model, what, precision, seconds, mean, runs, pixels, threads, gflop, gflops
        case peakGflops = "peak_gflops"
        case fractionOfPeak = "fraction_of_peak"
        case peakMemory = "peak_rss_mb"
        case instructionSet = "instruction_set"
        case cpu, pairs, iterations

        var isOmittedWhenNil: Bool { self == .pairs || self == .iterations }
    }
}

extension Kernels.Precision: ExpressibleByArgument {}

/// Facts about the machine, from /proc.
private enum Machine {
    static var processor: String {
        let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        func field(_ name: String) -> String? {
            info.split(separator: "\n").first { $0.hasPrefix(name) }?.split(separator: ":").last
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
        return
            "\(field("model name") ?? "unknown CPU") (family \(field("cpu family") ?? "?"), model \(field("model") ?? "?"))"
    }

    /// Resets VmHWM.
    static func resetPeakMemory() {
        FileHandle(forWritingAtPath: "/proc/self/clear_refs")?.write(Data("5".utf8))
    }

    static var peakMemoryMB: Double {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
    }
}
