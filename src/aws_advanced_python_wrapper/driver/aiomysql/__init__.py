"""aiomysql, and PyMySQL below it, which its monitors use."""
