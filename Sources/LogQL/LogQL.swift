// LogQL
