// OTLPExport
