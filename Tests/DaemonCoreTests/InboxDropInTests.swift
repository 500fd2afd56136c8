import ServiceConfiguration
import Testing

@testable import DaemonCore

/// The drop-in that `add-inbox` writes for systemd.
@Suite struct InboxDropInTests {
    private func dropIn(
        _ folder: String, home: String = "yes", tmp: String = "yes", _ resolved: (String) -> String = { $0 }
    ) -> InboxDropIn {
        InboxDropIn(folder, protectHome: home, privateTmp: tmp, resolved: resolved)
    }

    @Test func `the drop-in names a visible folder, and bind-mounts a hidden one`() {
        #expect(dropIn("/mnt/studio").access == .named)
        #expect(dropIn("/homes/maria").access == .named)
        for folder in ["/home/maria/in", "/root/in", "/run/user/1000/in"] {
            #expect(dropIn(folder).access == .boundInHome)
            #expect(dropIn(folder, home: "tmpfs").access == .boundInHome)
            #expect(dropIn(folder, home: "no").access == .named)
            #expect(dropIn(folder, home: "read-only").access == .named)
        }
        #expect(dropIn("/tmp/in").access == .bound)
        #expect(dropIn("/var/tmp/in", tmp: "no").access == .named)
        #expect(dropIn("/data/home/maria/in") { $0 == "/home" ? "/data/home" : $0 }.access == .boundInHome)
    }

    @Test func `the drop-in has exactly this text`() {
        #expect(
            dropIn("/home/maria/in").text == """
                # Written by `clipdragd add-inbox`, as was the file of that name among the pieces of the configuration.
                [Unit]
                RequiresMountsFor="/home/maria/in"

                [Service]
                ProtectHome=tmpfs
                BindPaths="/home/maria/in"

                """)
        #expect(dropIn("/mnt/a b").text.hasSuffix("[Service]\nReadWritePaths=\"/mnt/a b\"\n"))
        #expect(dropIn("/tmp/a").text.hasSuffix("[Service]\nBindPaths=\"/tmp/a\"\n"))
    }

    @Test func `the drop-in escapes characters of systemd's syntax`() {
        #expect(InboxDropIn.quoted("/a b: 50%h \"c\" \\n $x '") == #""/a b: 50%%h \"c\" \\n $x '""#)
    }
}
