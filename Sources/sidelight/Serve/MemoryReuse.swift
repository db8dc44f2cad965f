import CProcess

/// Settings of the C library's allocator for a server that takes the same large pieces of memory (request
/// bodies, columns, blocks) again and again.
enum MemoryReuse {
    /// By default pieces above 128 KiB are mapped anew each time and freed ends of the heap go back to the
    /// system: every page is then faulted in and cleared again for every request, which was a quarter of
    /// all CPU at full load.
    static func enable() {
        // Smaller than what an arena can hold (64 MiB).
        cprocess_keep_freed_memory(32 << 20, 64 << 20)
    }
}
