import DurableFiles

#if canImport(Glibc)
    import Glibc
#endif

extension CommandLine {
    /// The arguments, including the program's name. An argument that is not UTF-8, or that `PathCoding` would read as an encoded
    /// one, counts as a path, and has the form of `PathCoding`.
    public static var rawArguments: [String] {
        (0..<Int(argc)).compactMap { unsafeArgv[$0] }.map { argument in
            let bytes = UnsafeBufferPointer(start: argument, count: strlen(argument)).map {
                UInt8(bitPattern: $0)
            }
            guard let text = String(validating: bytes, as: UTF8.self), PathCoding.bytes(text) == bytes else {
                return PathCoding.text(bytes)
            }
            return text
        }
    }
}
