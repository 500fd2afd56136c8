import Foundation

/// The process's largest resident size.
enum ProcessMemory {
    /// Begins to count anew (/proc/self/clear_refs, `5`); whether the kernel allows that.
    static func resetPeak() -> Bool {
        guard let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return false }
        defer { try? file.close() }
        do { try file.write(contentsOf: Data("5".utf8)) } catch { return false }
        return true
    }

    /// Bytes at most since then (VmHWM); nil where the kernel does not tell.
    static var peak: Int? {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map {
            $0 * 1024
        }
    }
}
