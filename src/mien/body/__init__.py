"""The SMPL-X body: its files, its maths, its joints."""
