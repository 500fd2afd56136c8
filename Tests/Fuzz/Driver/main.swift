// libFuzzer over one reader: fuzz READER [libFuzzer's options] CORPUS…; see scripts/fuzz.sh.
import CFuzzer
import Foundation
import HostileInput

guard let name = CommandLine.arguments.dropFirst().first, let chosen = Reader(rawValue: name) else {
    print("usage: fuzz \(Reader.allCases.map(\.rawValue).joined(separator: "|")) [OPTIONS] CORPUS…")
    exit(64)
}
Mutation.reader = chosen
var words: [UnsafeMutablePointer<CChar>?] = ([CommandLine.arguments[0]] + CommandLine.arguments.dropFirst(2))
    .map {
        strdup($0)
    }
words.append(nil)
var count = Int32(words.count - 1)
words.withUnsafeMutableBufferPointer { words in
    var start = words.baseAddress
    let code = LLVMFuzzerRunDriver(&count, &start) { bytes, size in
        _ = Mutation.reader.read(Array(UnsafeBufferPointer(start: bytes, count: size)))
        return 0
    }
    exit(code)
}
