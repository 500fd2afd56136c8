import DurableFiles
import Foundation
import Processes
import Testing
import TestSupport

/// What is said of a hook or captioner that cannot be run names the fault and not the kernel's symptom.
@Suite struct ProgramFileTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func file(_ text: String, mode: Int = 0o755) throws -> String {
        let path = "\(scratch.path)/program"
        try PosixFileSystem().replace(path, Array(text.utf8), mode: mode)
        return path
    }

    /// The errno with which the kernel refuses to run a file; nil: it runs.
    private func errno(_ path: String) -> Int32? {
        if case .notStarted(let number) = ContainedProgram([path], seconds: 10).run().cause { return number }
        return nil
    }

    @Test
    func `a script with Windows line ends, or without its interpreter, is named with the way to mend it`()
        throws
    {
        for line in ["#!/bin/sh\r\necho hi\r\n", "#!/usr/bin/env sh\r\n", "#! /bin/sh -e\r\n"] {
            let path = try file(line)
            let fault = try #require(ProgramFile.fault(path))
            #expect(fault.hasPrefix("its lines end as on Windows"))
            #expect(fault.hasSuffix("sed -i 's/\\r$//' '\(path)'"))
        }
        let path = try file("#!/bin/sh\r\n")
        #expect(errno(path) == ENOENT, "the kernel says that the file is not there")
        #expect(ProgramFile.reason(path, errno: ENOENT) == ProgramFile.fault(path))
        #expect(
            ProgramFile.fault(try file("#! /nowhere/python3 -u\nprint(1)\n"))
                == "its first line names the interpreter /nowhere/python3: No such file or directory")
    }

    @Test func `a file without a first line, a folder and a closed file are told apart`() throws {
        let bare = try file("echo hi\n")
        #expect(errno(bare) == ENOEXEC)
        let formats = (try? PosixFileSystem().list("/proc/sys/fs/binfmt_misc")) ?? []
        let isCertain = formats.allSatisfy { ["register", "status"].contains($0.name) }
        if isCertain {
            #expect(ProgramFile.fault(bare)?.hasPrefix("it has no first line `#!INTERPRETER`") == true)
            #expect(ProgramFile.fault(try file(""))?.hasPrefix("it has no first line") == true)
            // A program for another machine: its number is the field e_machine.
            var foreign = try PosixFileSystem().read("/bin/true")
            foreign[18] = 0xf3
            let path = "\(scratch.path)/foreign"
            try PosixFileSystem().replace(path, foreign, mode: 0o755)
            #expect(errno(path) == ENOEXEC && ProgramFile.fault(path)?.hasSuffix("of this machine") == true)
        }
        #expect(ProgramFile.reason(bare, errno: ENOEXEC).hasPrefix("it has no first line `#!INTERPRETER`"))
        #expect(ProgramFile.fault(try file("#!/bin/sh\n", mode: 0o644)) == "Permission denied")
        #expect(ProgramFile.fault(scratch.path) == "Is a directory")
        #expect(ProgramFile.fault("/nowhere") == "No such file or directory")
        for good in ["#!/bin/sh\n", "#!/usr/bin/env sh\necho hi\r\n"] {
            let path = try file(good)
            #expect(ProgramFile.fault(path) == nil)
        }
        #expect(ProgramFile.fault("/bin/true") == nil)
    }
}
