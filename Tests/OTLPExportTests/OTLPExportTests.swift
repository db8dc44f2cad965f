// OTLPExportTests
